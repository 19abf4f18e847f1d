//! [`Pair`]: two volumes, or one without a base, ready to be compared and read.

use blockio::ReadAt;
use hyperlayer::{Identity, Volume};

use crate::changes::Changes;
use crate::compared::Compared;

/// The content of a volume.
pub type Content = Box<dyn ReadAt + Send + Sync>;

/// What changed from a base to a target, and both of them, open for reading.
///
/// Anything activated, reserved or created for that is held until [`Pair::release`], or until this value is
/// dropped.
pub struct Pair {
    /// The volumes as a stream's header names them.
    pub names: Names,
    /// For messages: `vg0/sp0 -> vg0/vol0`.
    pub what: String,
    /// What differs.
    pub changes: Changes,
    /// All blocks of both compared, if that was wanted.
    pub compared: Option<Compared>,
    /// The content of the base; `None` without a base, or if the source knows only which volume its base is.
    pub base: Option<Content>,
    /// The root digest of a base whose content is not here; `None` if that is, or nothing is known of it.
    pub base_root: Option<[u8; 32]>,
    /// The content of the target.
    pub target: Content,
    // Declared after the contents, so that they are dropped first.
    hold: Box<dyn Hold>,
}

/// The two volumes as a header names them.
#[derive(Clone, Debug)]
pub struct Names {
    /// `None` for a full stream.
    pub base: Option<Volume>,
    /// The volume that a stream leads to.
    pub target: Volume,
    /// The UUID of the volume that the base is a snapshot of; empty if there is none.
    pub base_origin: String,
    /// Identifies the disk and its points in time, if the volumes have no UUIDs.
    pub identity: Identity,
}

/// What a source holds during a run: guards, and watches for writes.
pub trait Hold {
    /// Refuses data that may be inconsistent, and warns of data that may have changed. Called before a stream's
    /// end is written.
    ///
    /// # Errors
    /// For example, if the base was written to while it was read.
    fn check(&self) -> anyhow::Result<()>;

    /// Adds to an error from reading, if the source knows its cause.
    fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        error
    }

    /// Releases what was held.
    ///
    /// # Errors
    /// If that fails.
    fn release(self: Box<Self>) -> anyhow::Result<()>;
}

/// For a source that holds nothing, and whose volumes nobody writes to.
impl Hold for () {
    fn check(&self) -> anyhow::Result<()> {
        Ok(())
    }

    fn release(self: Box<Self>) -> anyhow::Result<()> {
        Ok(())
    }
}

impl Pair {
    /// A source's pair; `hold` is released once nothing more is read.
    pub fn new(
        names: Names,
        what: String,
        found: (Changes, Option<Compared>),
        content: (Option<Content>, Content),
        hold: Box<dyn Hold>,
    ) -> Self {
        let ((changes, compared), (base, target)) = (found, content);
        Self { names, what, changes, compared, base, base_root: None, target, hold }
    }

    /// The base's size in bytes, 0 without one.
    pub fn base_size(&self) -> u64 {
        self.names.base.as_ref().map_or(0, |base| base.size)
    }

    /// Checks whether the end of a stream may be written.
    ///
    /// # Errors
    /// As [`Hold::check`].
    pub fn check(&self) -> anyhow::Result<()> {
        self.hold.check()
    }

    /// As [`Hold::explain`].
    #[must_use]
    pub fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        self.hold.explain(error)
    }

    /// Releases what was held for the pair.
    ///
    /// # Errors
    /// As [`Hold::release`].
    pub fn release(self) -> anyhow::Result<()> {
        let Self { base, target, hold, .. } = self;
        drop((base, target));
        hold.release()
    }
}
