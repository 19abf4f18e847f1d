//! [`Target`]: what streams are written to.

use hyperlayer::Totals;
use streams::Link;

use crate::ground::Ground;

pub(crate) mod image;
pub(crate) mod in_place;
pub(crate) mod new_volume;

/// What streams are written to, one after another. [`run`](crate::run) calls [`begin`](Target::begin),
/// [`ground`](Target::ground) and [`write`](Target::write) for each, in this order, and then
/// [`finish`](Target::finish); whatever fails, it calls [`abandon`](Target::abandon) instead.
///
/// `count` is always the number of streams that have been written before this one.
pub trait Target: Sized {
    /// Makes sure that what is there is the stream's base, and may be written to.
    ///
    /// # Errors
    /// [`Refusal`](flow::Refusal)s, of the stream or of the place; nothing of this stream is written then.
    fn begin(&mut self, link: &Link, count: usize) -> anyhow::Result<()>;

    /// What the stream is written to, with room for all of it.
    ///
    /// # Errors
    /// [`Refusal::no_space`](flow::Refusal::no_space) where there is too little.
    fn ground(&mut self, link: &Link, count: usize) -> anyhow::Result<Ground>;

    /// Writes all of the stream's records.
    ///
    /// # Errors
    /// Where the stream is damaged or cut, and where writing fails.
    fn write(&mut self, link: &mut Link, ground: Ground, count: usize) -> anyhow::Result<Totals>;

    /// The root digest of what it holds now, as far as a volume of `size` bytes goes: all of it is read, but for
    /// holes.
    ///
    /// # Errors
    /// Where it cannot be read; that of a signal.
    fn root(&mut self, size: u64) -> anyhow::Result<[u8; 32]>;

    /// All streams are there: what they make is, too.
    ///
    /// # Errors
    /// Where it cannot be left as it is to be; nothing temporary is left then either.
    fn finish(self) -> anyhow::Result<Made>;

    /// Gives up because of an error, and leaves nothing temporary behind. Yields the error, with what has
    /// become of the target.
    fn abandon(self, error: anyhow::Error, count: usize) -> anyhow::Error;
}

/// What streams made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its name or path.
    pub name: String,
    /// The UUID of the logical volume that it is, if it is one.
    pub uuid: Option<String>,
}
