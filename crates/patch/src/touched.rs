//! [`Touched`]: the chunks that have been written to, counted against the room there is.

use flow::Refusal;
use hyperlayer::Record;

use crate::chunks::Chunks;
use crate::ground::Ground;
use crate::leaves::LEAF_MAPPINGS;
use crate::room::Room;

/// The chunks that have been written to.
pub(crate) struct Touched {
    chunks: u64,
    /// How many separate runs of chunks there are.
    runs: u64,
    written: Chunks,
}

impl Touched {
    /// None yet; if records `ascend`, earlier chunks need not be remembered.
    pub(crate) fn new(ascend: bool) -> Self {
        Self { chunks: 0, runs: 0, written: Chunks::new(ascend) }
    }

    /// Counts the chunks that a record writes to. A stream that writes to more of them than there is room for
    /// would fill the pool.
    pub(crate) fn count(&mut self, record: &Record<'_>, ground: &Ground) -> Result<(), Refusal> {
        let (begin, end) = (record.offset(), record.offset() + record.length());
        if matches!(record, Record::Discard { .. }) {
            self.count_discard(begin, end, ground);
        } else {
            self.add(begin / ground.chunk_size, end.div_ceil(ground.chunk_size));
        }
        let Room { chunks, metadata, .. } = ground.room;
        if self.chunks > chunks {
            return Err(Refusal::no_space(match metadata {
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
            return Err(Refusal::no_space(
                "the pool's metadata has no room for everything the stream writes: extend it with \
                 `lvextend --poolmetadatasize`",
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
        // A partial chunk cannot be unmapped, and becomes zeros. At the volume's end it was counted when
        // room was made, if the stream announced what it writes. Chunks that the kernel may skip are left to
        // the gauge, once they are known.
        let is_counted = |place| place == ground.size && ground.room.metadata.is_none();
        let is_part = |place: u64| !place.is_multiple_of(chunk_size) && !is_counted(place);
        if is_part(begin) {
            self.add(begin / chunk_size, begin / chunk_size + 1);
        }
        if is_part(end) {
            self.add(end / chunk_size, end / chunk_size + 1);
        }
    }

    /// A copy of every leaf touched, and new ones.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discards::Discards;

    fn ground(size: u64) -> Ground {
        let header = crate::testing::header(size);
        Ground { unmaps: true, ..Ground::plain(&header) }
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
