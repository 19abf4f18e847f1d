//! [`Target`]: what streams are written to.

use hyperlayer::Totals;
use streams::Link;

use crate::ground::Ground;

pub(crate) mod image;
pub(crate) mod in_place;
pub(crate) mod new_volume;

/// What streams are written to, one after another. [`run`](crate::run()) calls [`begin`](Target::begin),
/// [`ground`](Target::ground) and [`write`](Target::write) for each, in this order, and then
/// [`finish`](Target::finish); if anything fails, it calls [`abandon`](Target::abandon) instead.
///
/// `count` is always the number of streams that have been written before this one.
pub trait Target: Sized {
    /// Checks that the stream's base is there, and may be written to.
    ///
    /// # Errors
    /// [`Refusal`](flow::Refusal)s of the stream or the place; nothing of this stream has been written then.
    fn begin(&mut self, link: &Link, count: usize) -> anyhow::Result<()>;

    /// The ground that the stream is written to, with room for all of it.
    ///
    /// # Errors
    /// [`Refusal::no_space`](flow::Refusal::no_space) if there is too little.
    fn ground(&mut self, link: &Link, count: usize) -> anyhow::Result<Ground>;

    /// Writes all of the stream's records.
    ///
    /// # Errors
    /// If the stream is damaged or cut, or writing fails.
    fn write(&mut self, link: &mut Link, ground: Ground, count: usize) -> anyhow::Result<Totals>;

    /// The root digest of the first `size` bytes that it holds now: everything but holes is read.
    ///
    /// # Errors
    /// If it cannot be read, or a signal arrives.
    fn root(&mut self, size: u64) -> anyhow::Result<[u8; 32]>;

    /// Called after the last stream: completes what they make.
    ///
    /// # Errors
    /// If it cannot be completed; nothing temporary is left then either.
    fn finish(self) -> anyhow::Result<Made>;

    /// Gives up because of an error, and leaves nothing temporary behind. Yields the error, with the state of
    /// the target.
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
