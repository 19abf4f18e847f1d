//! [`Demand`]: what a stream needs from the pool that it is written to.

use std::ops::Range;

use hyperlayer::Header;

use crate::changed::Changed;

/// Counts the chunks of a given size that an undo stream changes, except those in some ranges; `None` if the
/// stream was not read beforehand.
pub(crate) type Count<'a> = dyn Fn(u64, &[(u64, u64)]) -> anyhow::Result<Option<Changed>> + 'a;

/// What a stream needs from the pool that it is written to.
pub(crate) struct Demand<'a> {
    /// The stream's header.
    pub header: &'a Header,
    /// Whether the header says how much is written at most.
    pub announces: bool,
    /// The range that becomes zeros or is cut off besides the records, in bytes.
    pub cleared: Range<u64>,
    /// Counts what an undo stream changes: it announces everything that could have been overwritten, which may be
    /// more.
    pub count: Option<&'a Count<'a>>,
}

impl<'a> Demand<'a> {
    /// The demand of a stream whose volume may change its size.
    pub(crate) fn new(header: &'a Header, announces: bool) -> Self {
        let size = header.target.size;
        let before = header.base.as_ref().map_or(size, |base| base.size);
        Self { header, announces, cleared: before.min(size)..before.max(size), count: None }
    }

    /// Whether the header says how much is written. An undo that covers the whole volume does not: it undoes a
    /// stream that did not say so, and covers everything to be safe.
    pub(crate) fn says_how_much(&self) -> bool {
        let header = self.header;
        let undoes_all = header.undo && header.changed_bytes == header.target.size;
        self.announces && !undoes_all
    }
}
