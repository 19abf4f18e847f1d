//! [`Demand`]: what a stream asks of the pool that it is written to.

use std::ops::Range;

use hyperlayer::Header;

use crate::changed::Changed;

/// Counts the chunks of a size that an undo stream changes, without those in some ranges; `None` where
/// it has not been read beforehand.
pub(crate) type Count<'a> = dyn Fn(u64, &[(u64, u64)]) -> anyhow::Result<Option<Changed>> + 'a;

/// What a stream asks of the pool that it is written to.
pub(crate) struct Demand<'a> {
    /// What the stream says of itself.
    pub header: &'a Header,
    /// Whether the header says how much is written at the most.
    pub announces: bool,
    /// What is made zeros, or cut off, beside the records, in bytes.
    pub cleared: Range<u64>,
    /// For an undo stream: it announced all that could have been overwritten, and leads back from less.
    pub count: Option<&'a Count<'a>>,
}

impl<'a> Demand<'a> {
    /// That of a stream whose volume may change its size.
    pub(crate) fn new(header: &'a Header, announces: bool) -> Self {
        let size = header.target.size;
        let before = header.base.as_ref().map_or(size, |base| base.size);
        Self { header, announces, cleared: before.min(size)..before.max(size), count: None }
    }

    /// Whether the header says how much is written. An undo of a stream that did not say so covers all of the
    /// volume, to be safe.
    pub(crate) fn says_how_much(&self) -> bool {
        let header = self.header;
        let undoes_all = header.undo && header.changed_bytes == header.target.size;
        self.announces && !undoes_all
    }
}
