//! [`Ground`]: what the device that is written lies on, and [`Touched`]: what was written of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use flow::Refusal;
use hyperlayer::{Header, Record};

use crate::gauge::Gauge;
use crate::space::{LEAF_MAPPINGS, Room};

/// What the device that is written lies on.
#[derive(Clone)]
pub(crate) struct Ground {
    /// The unit of allocation, in bytes.
    pub(crate) chunk_size: u64,
    /// Whether a write to a part of a fresh chunk makes the rest of it zeros. Where it does not,
    /// the rest shows what the chunk held before, for somebody else.
    pub(crate) zeroes: bool,
    /// Whether what is discarded is unmapped, and reads as zeros for good. Of other block devices a
    /// discard says that nobody needs the bytes: what is read there later may change.
    pub(crate) unmaps: bool,
    /// What is there already is not written again: that would take space where a snapshot shares it.
    pub(crate) leaves_same: bool,
    /// How much may be written: there is room for so much.
    pub(crate) room: Room,
    /// The size of the stream's volume, in bytes.
    pub(crate) size: u64,
    /// The size of the external origin, in bytes, where a volume has one.
    pub(crate) origin: Option<u64>,
    /// What the pool has left meanwhile.
    pub(crate) gauge: Option<Arc<Gauge>>,
}

impl Ground {
    /// A device or file that has all of its space already.
    pub(crate) fn plain(header: &Header) -> Self {
        let (chunk_size, size) = (header.chunk_size, header.target.size);
        let room = Room::default();
        let (origin, gauge) = (None, None);
        let leaves_same = false;
        Self { chunk_size, zeroes: true, unmaps: false, leaves_same, room, size, origin, gauge }
    }

    /// The range of which a fresh chunk shows old data, although an external origin has the rest of the
    /// chunk: where that ends inside a chunk, and the pool does not zero.
    pub(crate) fn unzeroed_tail(&self) -> Option<std::ops::Range<u64>> {
        let origin = self.origin.filter(|_| !self.zeroes)?;
        let end = origin.checked_next_multiple_of(self.chunk_size)?;
        (origin < end).then_some(origin..end)
    }
}

/// Which chunks have been written to.
pub(crate) struct Touched {
    chunks: u64,
    /// How many runs of chunks that do not follow one another.
    runs: u64,
    written: Chunks,
    /// The chunks that a record has prepared.
    pub(crate) prepared: Chunks,
}

impl Touched {
    /// Nothing yet; of records that ascend, what lies behind need not be known.
    pub(crate) fn new(ascend: bool) -> Self {
        let chunks = || match ascend {
            true => Chunks::Ascending(0),
            false => Chunks::Any(BTreeMap::new()),
        };
        Self { chunks: 0, runs: 0, written: chunks(), prepared: chunks() }
    }

    /// Counts the chunks that a record writes to. A stream that writes to more of them than there is
    /// room for would fill the pool.
    pub(crate) fn count(&mut self, record: &Record<'_>, ground: &Ground) -> Result<(), Refusal> {
        let (begin, end) = (record.offset(), record.offset() + record.length());
        if matches!(record, Record::Discard { .. }) {
            self.count_discard(begin, end, ground);
        } else {
            self.add(begin / ground.chunk_size, end.div_ceil(ground.chunk_size));
        }
        let Room { chunks, metadata, .. } = ground.room;
        if self.chunks > chunks {
            return Err(Refusal::NoSpace(match metadata {
                None => format!(
                    "the stream writes to more chunks than it announced, for which there was room: \
                     {chunks}"
                ),
                Some(_) => format!(
                    "the pool has {chunks} free chunks, and the stream, which does not say how many \
                     it takes, writes to more: extend the pool with `lvextend`"
                ),
            }));
        }
        if let Some((blocks, leaves)) = metadata
            && self.metadata_blocks(leaves) > blocks
        {
            return Err(Refusal::NoSpace(
                "the pool's metadata has no room for all that the stream writes to: extend it with \
                 `lvextend --poolmetadatasize`"
                    .into(),
            ));
        }
        Ok(())
    }

    fn count_discard(&mut self, begin: u64, end: u64, ground: &Ground) {
        let (chunk_size, discards) = (ground.chunk_size, ground.room.discards);
        let written = discards.written_before.min(end);
        if begin < written {
            self.add(begin / chunk_size, written.div_ceil(chunk_size));
        }
        let begin = begin.max(written);
        if begin == end {
            return;
        }
        // A part of a chunk cannot be unmapped, and becomes zeros. At the volume's end that was
        // counted when room was made, if the stream announced what it writes. What the kernel may skip
        // is the gauge's to count, once it is known.
        let is_counted = |place| place == ground.size && ground.room.metadata.is_none();
        let is_part = |place: u64| !place.is_multiple_of(chunk_size) && !is_counted(place);
        if is_part(begin) {
            self.add(begin / chunk_size, begin / chunk_size + 1);
        }
        if is_part(end) {
            self.add(end / chunk_size, end / chunk_size + 1);
        }
    }

    /// A copy of every leaf that was touched, and new ones.
    fn metadata_blocks(&self, leaves: u64) -> u64 {
        let new = self.chunks.div_ceil(LEAF_MAPPINGS);
        self.runs.saturating_mul(2).saturating_add(new).min(leaves).saturating_add(new)
    }

    fn add(&mut self, first: u64, behind: u64) {
        let (chunks, is_apart) = self.written.add(first, behind);
        self.chunks += chunks;
        self.runs += u64::from(is_apart && chunks > 0);
    }
}

/// Chunks, by their numbers.
pub(crate) enum Chunks {
    /// All before this one.
    Ascending(u64),
    /// Ranges: the first one, and the one behind the last. They do not touch each other.
    Any(BTreeMap<u64, u64>),
}

impl Chunks {
    /// Where any may come again, it knows of none any more.
    pub(crate) fn forget(&mut self) {
        if let Self::Any(ranges) = self {
            ranges.clear();
        }
    }

    /// Takes a range out, where any may come again.
    pub(crate) fn remove(&mut self, first: u64, behind: u64) {
        let Self::Any(ranges) = self else { return };
        if first >= behind {
            return;
        }
        let touched: Vec<_> = ranges
            .range(..behind)
            .rev()
            .take_while(|(_, end)| **end > first)
            .map(|(begin, end)| (*begin, *end))
            .collect();
        for (begin, end) in touched {
            ranges.remove(&begin);
            if begin < first {
                ranges.insert(begin, first);
            }
            if behind < end {
                ranges.insert(behind, end);
            }
        }
    }

    /// Knows no more than so many ranges, the last ones.
    pub(crate) fn shrink_to(&mut self, count: usize) {
        if let Self::Any(ranges) = self {
            while ranges.len() > count {
                ranges.pop_first();
            }
        }
    }

    /// Adds a range; yields how many of it are new, and whether it touches none that was there.
    pub(crate) fn add(&mut self, first: u64, behind: u64) -> (u64, bool) {
        let ranges = match self {
            Self::Ascending(next) => {
                let (new, is_apart) = (behind.saturating_sub(first.max(*next)), first > *next);
                *next = behind.max(*next);
                return (new, is_apart);
            }
            Self::Any(ranges) => ranges,
        };
        let (mut begin, mut end, mut known) = (first, behind, 0);
        let touched: Vec<_> = ranges
            .range(..=behind)
            .rev()
            .take_while(|(_, other_end)| **other_end >= first)
            .map(|(other, other_end)| (*other, *other_end))
            .collect();
        for &(other, other_end) in &touched {
            known += other_end.min(behind).saturating_sub(other.max(first));
            (begin, end) = (begin.min(other), end.max(other_end));
            ranges.remove(&other);
        }
        ranges.insert(begin, end);
        ((behind - first).saturating_sub(known), touched.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discards::Discards;

    fn ground(size: u64) -> Ground {
        let header = crate::testing::header(size);
        Ground { unmaps: true, ..Ground::plain(&header) }
    }

    #[test]
    fn ranges_are_taken_out() {
        let mut chunks = Chunks::Any([(0, 10), (20, 30)].into());
        chunks.remove(5, 25);
        chunks.remove(2, 3);
        chunks.remove(40, 50);
        chunks.remove(7, 7);
        let Chunks::Any(ranges) = &chunks else { panic!("it was made so") };
        let ranges: Vec<_> = ranges.iter().map(|(begin, end)| (*begin, *end)).collect();
        assert_eq!(ranges, [(0, 2), (3, 5), (25, 30)]);
        chunks.shrink_to(1);
        assert_eq!(chunks.add(0, 30), (25, false));
    }

    #[test]
    fn discards_count_as_far_as_they_become_zeros() {
        let chunk = 3 * 65536;
        let count = |discards, begin: u64, end: u64| {
            let room = Room { discards, ..Room::default() };
            let ground = Ground { chunk_size: chunk, room, ..ground(1 << 40) };
            let mut touched = Touched::new(true);
            let record = Record::Discard { offset: begin, length: end - begin };
            touched.count(&record, &ground).unwrap();
            touched.chunks
        };
        let even = Discards::default();
        let origin = |end| Discards { written_before: end, ..even };
        assert_eq!(count(even, 0, 10 * chunk), 0);
        assert_eq!(count(even, 512, 10 * chunk + 512), 2);
        assert_eq!(count(origin(4 * chunk + 1), 0, 10 * chunk), 5);
        assert_eq!(count(origin(4 * chunk + 1), 5 * chunk, 10 * chunk), 0);
        assert_eq!(count(origin(u64::MAX), 512, 10 * chunk), 10);
    }

    #[test]
    fn each_chunk_counts_once_in_any_order() {
        let mut chunks = Chunks::Any(BTreeMap::new());
        assert_eq!(chunks.add(10, 12), (2, true));
        assert_eq!(chunks.add(0, 1), (1, true));
        assert_eq!(chunks.add(12, 13), (1, false));
        assert_eq!(chunks.add(9, 11), (1, false));
        assert_eq!(chunks.add(0, 20), (20 - 5, false));
        assert_eq!(chunks.add(5, 20), (0, false));
        let Chunks::Any(ranges) = chunks else { panic!("it was made so") };
        assert_eq!(ranges.into_iter().collect::<Vec<_>>(), [(0, 20)]);
        let mut ascending = Chunks::Ascending(0);
        assert_eq!(ascending.add(0, 2).0 + ascending.add(1, 3).0 + ascending.add(7, 8).0, 4);
    }

    #[test]
    fn the_last_chunk_counts_where_nobody_announced_it() {
        let size = 65536 + 4096;
        let room = |metadata| Room { chunks: 0, metadata, ..Room::default() };
        let ground = |metadata| Ground { room: room(metadata), ..ground(size) };
        let count = |metadata| {
            let record = Record::Discard { offset: 0, length: size };
            Touched::new(true).count(&record, &ground(metadata))
        };
        count(None).unwrap();
        count(Some((100, 100))).unwrap_err();
    }
}
