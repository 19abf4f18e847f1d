//! [`IndexWriter`]: the index of a stream while it is written.

use zerocopy::byteorder::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{MAX_RECORD, frame};

/// One entry of an index frame's content, 32 bytes.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct RawEntry {
    pub(crate) offset: U64,
    pub(crate) length: U64,
    pub(crate) position: U64,
    pub(crate) kind: [u8; 4],
    pub(crate) stored: U32,
}
const _: () = assert!(size_of::<RawEntry>() == 32);

/// The most entries that fit into a frame.
const MOST: usize = MAX_RECORD / size_of::<RawEntry>();

impl RawEntry {
    pub(crate) fn end(&self) -> u64 {
        self.offset.get().saturating_add(self.length.get())
    }

    /// The entry for an index frame that holds these entries.
    fn of_block(entries: &[Self], position: u64) -> Option<Self> {
        let (first, last) = (entries.first()?, entries.last()?);
        Some(Self {
            offset: first.offset,
            length: last.end().saturating_sub(first.offset.get()).into(),
            position: position.into(),
            kind: frame::INDEX,
            stored: u32::try_from(entries.as_bytes().len()).ok()?.into(),
        })
    }
}

/// The part of an encoder's index that has not been written: one unfinished frame on each level.
#[derive(Default)]
pub(crate) struct IndexWriter(Vec<Vec<RawEntry>>);

impl IndexWriter {
    /// Adds an entry on a level; level 0 is for frames of records.
    pub(crate) fn push(&mut self, level: usize, entry: RawEntry) {
        if self.0.len() <= level {
            self.0.resize_with(level.saturating_add(1), Vec::new);
        }
        self.0[level].push(entry);
    }

    /// The level whose frame is full and must be written, if there is one.
    pub(crate) fn full(&self) -> Option<usize> {
        self.0.iter().position(|entries| entries.len() >= MOST)
    }

    /// The level whose frame must be written next at the stream's end. The top is not written again.
    pub(crate) fn unfinished(&self) -> Option<usize> {
        let is_top = |level: usize, entries: &[RawEntry]| match entries {
            [one] => {
                level > 0 && one.kind == frame::INDEX && level.saturating_add(1) == self.0.len()
            }
            _ => false,
        };
        let level = self.0.iter().position(|entries| !entries.is_empty())?;
        (!is_top(level, &self.0[level])).then_some(level)
    }

    /// The content of a level's frame, which is written at `position`; it becomes an entry on the level
    /// above.
    pub(crate) fn take(&mut self, level: usize, position: u64) -> Vec<u8> {
        let entries = std::mem::take(&mut self.0[level]);
        if let Some(entry) = RawEntry::of_block(&entries, position) {
            self.push(level.saturating_add(1), entry);
        }
        entries.as_bytes().to_vec()
    }

    /// The position of the top frame; 0 if there was nothing to write.
    pub(crate) fn top(&self) -> u64 {
        self.0.last().and_then(|entries| entries.first()).map_or(0, |entry| entry.position.get())
    }
}
