//! [`Pair`]: two volumes, or one and nothing, ready to be told apart and read.

use blockio::ReadAt;
use hyperlayer::{Identity, Volume};

use crate::changes::Changes;
use crate::compared::Compared;

/// What a volume reads as.
pub type Content = Box<dyn ReadAt + Send + Sync>;

/// What changed from a base to a target, and both, open for reading.
///
/// Whatever had to be activated, reserved or made for that is held until [`Pair::release`], or until this
/// value goes.
pub struct Pair {
    /// The volumes as a stream's header names them.
    pub names: Names,
    /// For messages: `vg0/sp0 -> vg0/vol0`.
    pub what: String,
    /// What differs.
    pub changes: Changes,
    /// All blocks of both one by one, where that was wanted.
    pub compared: Option<Compared>,
    /// What the base reads as; none without a base, and of a source that knows only who its base is.
    pub base: Option<Content>,
    /// What the target reads as.
    pub target: Content,
    // After what is read: it goes first.
    hold: Box<dyn Hold>,
}

/// The two volumes as a header names them.
#[derive(Clone, Debug)]
pub struct Names {
    /// None for a full stream.
    pub base: Option<Volume>,
    /// The volume that a stream leads to.
    pub target: Volume,
    /// The UUID of the volume that the base is a snapshot of; empty where it is none.
    pub base_origin: String,
    /// What the disk and its moments are known by, where the volumes have no UUIDs.
    pub identity: Identity,
}

/// What a source holds for the time of a run: guards, and watches for writes.
pub trait Hold {
    /// Refuses what may be inconsistent, and warns of what may have changed: to be asked before a stream's end
    /// is written.
    ///
    /// # Errors
    /// Where the base was written to, say, while it was read.
    fn check(&self) -> anyhow::Result<()>;

    /// Says more of an error that reading ended with, where the source knows its cause.
    fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        error
    }

    /// Gives back what was held.
    ///
    /// # Errors
    /// Where that cannot be undone.
    fn release(self: Box<Self>) -> anyhow::Result<()>;
}

/// Nothing: a source that holds nothing, and that nobody writes to.
impl Hold for () {
    fn check(&self) -> anyhow::Result<()> {
        Ok(())
    }

    fn release(self: Box<Self>) -> anyhow::Result<()> {
        Ok(())
    }
}

impl Pair {
    /// A pair of a source: `hold` goes once nothing more is read.
    pub fn new(
        names: Names,
        what: String,
        found: (Changes, Option<Compared>),
        content: (Option<Content>, Content),
        hold: Box<dyn Hold>,
    ) -> Self {
        let ((changes, compared), (base, target)) = (found, content);
        Self { names, what, changes, compared, base, target, hold }
    }

    /// The base's size in bytes, 0 without one.
    pub fn base_size(&self) -> u64 {
        self.names.base.as_ref().map_or(0, |base| base.size)
    }

    /// Whether the end of a stream may be written.
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

    /// Gives back what was held for the pair.
    ///
    /// # Errors
    /// As [`Hold::release`].
    pub fn release(self) -> anyhow::Result<()> {
        let Self { base, target, hold, .. } = self;
        drop((base, target));
        hold.release()
    }
}
