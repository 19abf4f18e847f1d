//! [`Discards`]: what becomes of a discarded range.

/// About how many bytes are discarded at once: a signal has no effect until a discard is done.
const STEP: u64 = 1 << 30;

/// What becomes of a discarded range of a thin volume. By default it is unmapped, and reads as zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Discards {
    /// Before this place it becomes written zeros: the pool ignores discards, or unmapped chunks show an
    /// external origin there.
    pub(crate) written_before: u64,
    /// The kernel may skip one whole chunk of each discard, which then becomes written zeros: if the chunk
    /// size is not a power of two, it rounds to the wrong boundary and cuts that chunk.
    pub(crate) skips_one: bool,
}

impl Discards {
    /// For a pool with chunks of this size.
    pub(crate) fn new(chunk_size: u64, ignored: bool, origin: Option<u64>) -> Self {
        let written_before = if ignored { u64::MAX } else { origin.unwrap_or(0) };
        Self { written_before, skips_one: !chunk_size.is_power_of_two() }
    }

    /// How much is discarded at once, in bytes.
    pub(crate) fn step(chunk_size: u64) -> u64 {
        STEP.next_multiple_of(chunk_size.max(1))
    }

    /// How many chunks become written zeros at most, for `bytes` in `extents` ranges of whole chunks.
    pub(crate) fn most_chunks(self, bytes: u64, extents: u64, chunk_size: u64) -> u64 {
        let chunks = bytes.div_ceil(chunk_size);
        let written = self.written_before.div_ceil(chunk_size).min(chunks);
        let skipped = match self.skips_one {
            true => extents.saturating_add(bytes / Self::step(chunk_size)).min(chunks - written),
            false => 0,
        };
        written + skipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNK: u64 = 65536;

    #[test]
    fn an_origin_counts_as_far_as_it_goes() {
        let none = Discards::new(CHUNK, false, None);
        assert_eq!(none.most_chunks(100 * CHUNK, 3, CHUNK), 0);
        let origin = Discards::new(CHUNK, false, Some(10 * CHUNK + 1));
        assert_eq!(origin.most_chunks(100 * CHUNK, 3, CHUNK), 11);
        assert_eq!(origin.most_chunks(5 * CHUNK, 3, CHUNK), 5);
        let ignored = Discards::new(CHUNK, true, Some(CHUNK));
        assert_eq!(ignored.most_chunks(100 * CHUNK, 3, CHUNK), 100);
    }

    #[test]
    fn where_chunks_are_no_power_of_two_each_extent_can_cost_one() {
        let chunk = 3 * CHUNK;
        let odd = Discards::new(chunk, false, None);
        assert_eq!(odd.most_chunks(100 * chunk, 7, chunk), 7);
        assert_eq!(odd.most_chunks(5 * chunk, 7, chunk), 5);
        // Each step of a long discard is a discard of its own.
        assert_eq!(odd.most_chunks(4 * Discards::step(chunk), 1, chunk), 5);
        assert_eq!(Discards::new(chunk, false, Some(chunk)).most_chunks(9 * chunk, 2, chunk), 3);
    }
}
