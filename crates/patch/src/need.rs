//! How much of a pool a stream needs at most.

use std::ops::Range;

use hyperlayer::Header;

use crate::discards::Discards;
use crate::leaves::{LEAF_MAPPINGS, LEAST_MAPPINGS};
use crate::stand::Stand;

/// The number of chunks covered by one block of the data's space map.
const BITMAP_CHUNKS: u64 = 16320;

/// Metadata blocks other than leaves: inner nodes, the tree of devices, the space maps.
pub(crate) const METADATA_MARGIN: u64 = 32;

/// How many chunks the records write to at most.
pub(crate) fn of_records(header: &Header, stand: &Stand<'_>) -> u64 {
    let chunk_size = stand.pool.table.chunk_size;
    let all = header.target.size.div_ceil(chunk_size);
    let mut chunks = header.changed_bytes.div_ceil(chunk_size);
    if let Some(base) = &header.base
        && base.size != header.target.size
        && !base.size.is_multiple_of(chunk_size)
    {
        // The chunk in which the base ends, which may be unmapped up to there.
        chunks = chunks.saturating_add(1);
    }
    if header.chunk_size != chunk_size {
        // Every extent may begin and end inside a chunk.
        chunks = chunks.saturating_add(header.extents.saturating_mul(2)).min(all);
    }
    let discards = stand.discards();
    let unmapped = header.unmapped_bytes;
    chunks =
        chunks.saturating_add(discards.most_chunks(unmapped, header.extents, chunk_size)).min(all);
    let last_is_counted = discards.written_before >= header.target.size;
    if unmapped > 0 && !last_is_counted && !header.target.size.is_multiple_of(chunk_size) {
        // A partial last chunk cannot be unmapped.
        chunks = chunks.saturating_add(1);
    }
    chunks
}

/// How many chunks become written zeros if a volume changes its size, or if what follows a stream's volume is
/// cleared; and how many mapped chunks are discarded there.
pub(crate) fn of_cleared(header: &Header, stand: &Stand<'_>) -> (u64, u64) {
    let Range { start, end } = stand.cleared;
    let chunk_size = stand.pool.table.chunk_size;
    if start >= end {
        return (0, 0);
    }
    // The chunk in which the base ends, or in which the volume will end.
    let border = u64::from(!start.is_multiple_of(chunk_size));
    let mapped = stand.mapped.end.min(end).saturating_sub(start).min(stand.mapped.mapped);
    let mapped = mapped.div_ceil(chunk_size);
    if end > header.target.size {
        // What is cut off is only unmapped, except for a partial chunk at its end.
        let last = end - end % chunk_size;
        let shows = stand.mapped.end.max(stand.origin.unwrap_or(0)) > last.max(start);
        return (border.saturating_add(u64::from(last < end && shows)), mapped);
    }
    let origin = stand.origin.unwrap_or(0).min(end).saturating_sub(start).div_ceil(chunk_size);
    let discards = Discards::new(chunk_size, stand.status.ignores_discards, None);
    let written = discards.most_chunks(mapped.saturating_mul(chunk_size), 1, chunk_size);
    // A partial last chunk cannot be unmapped.
    let last = u64::from(mapped > 0 && !end.is_multiple_of(chunk_size));
    let chunks = written.max(origin).saturating_add(border).saturating_add(last);
    (chunks, mapped)
}

/// How many metadata blocks can be needed: a copy of every leaf that is touched, new leaves, the nodes above
/// them, and the space map's blocks for the chunks.
pub(crate) fn metadata_blocks(
    header: &Header,
    stand: &Stand<'_>,
    chunks: u64,
    unmapped: u64,
) -> u64 {
    let new = chunks.div_ceil(LEAF_MAPPINGS);
    // A run of chunks touches the leaves that it fills, and one more at either end.
    let touched = header
        .extents
        .min(chunks.saturating_add(unmapped))
        .saturating_mul(2)
        .saturating_add(chunks.saturating_add(unmapped).div_ceil(LEAST_MAPPINGS));
    let size = header.target.size.max(stand.cleared.end);
    let all = size.div_ceil(stand.pool.table.chunk_size).div_ceil(LEAST_MAPPINGS);
    let leaves = touched.min(all).saturating_add(new);
    let inner = leaves.div_ceil(LEAF_MAPPINGS / 2);
    let bitmaps =
        stand.status.chunks.1.div_ceil(BITMAP_CHUNKS).min(chunks.saturating_add(unmapped));
    leaves.saturating_add(inner).saturating_add(bitmaps).saturating_add(METADATA_MARGIN)
}

#[cfg(test)]
mod tests {
    use lvm::ThinStatus;

    use super::*;
    use crate::testing::{TEN_FREE, stand};

    #[test]
    fn holes_behind_the_end_take_nothing() {
        let pool = crate::testing::pool();
        let small = 4 * 65536;
        for target in [small, 16 << 40] {
            let mapped = ThinStatus { mapped: 65536, end: 16 << 40 };
            let stand = Stand { cleared: small..16 << 40, mapped, ..stand(&pool, TEN_FREE) };
            assert_eq!(of_cleared(&crate::testing::header(target), &stand).1, 1, "{target}");
        }
    }

    #[test]
    fn what_lies_behind_the_end_counts_as_far_as_it_becomes_zeros() {
        let pool = crate::testing::pool();
        let grown = 40 * 65536;
        let of = |base: u64, target: u64, mapped_end, origin, status: &str| {
            let header = crate::testing::header(target);
            let cleared = base.min(target)..base.max(target);
            let mapped = ThinStatus { mapped: mapped_end, end: mapped_end };
            let stand = Stand { cleared, mapped, origin, ..stand(&pool, status) };
            of_cleared(&header, &stand).0
        };
        let ignoring = TEN_FREE.replace("discard_passdown", "ignore_discard");
        assert_eq!(of(4 * 65536, grown, 4 * 65536, None, TEN_FREE), 0);
        assert_eq!(of(4 * 65536 + 512, grown, 5 * 65536, None, TEN_FREE), 1);
        assert_eq!(of(4 * 65536, grown, 9 * 65536, None, TEN_FREE), 0);
        assert_eq!(of(4 * 65536, grown, 9 * 65536, None, &ignoring), 5);
        assert_eq!(of(4 * 65536, grown, 0, Some(20 * 65536), TEN_FREE), 16);
        assert_eq!(of(4 * 65536, grown - 512, 64 * 65536, None, TEN_FREE), 1);
        // If it shrinks, only part of a chunk is written.
        assert_eq!(of(grown, 4 * 65536, grown, Some(grown), &ignoring), 0);
        assert_eq!(of(grown, 4 * 65536 + 512, grown, None, &ignoring), 1);
        assert_eq!(of(grown - 512, 4 * 65536, grown, None, TEN_FREE), 1);
        assert_eq!(of(grown - 512, 4 * 65536, grown - 65536, None, TEN_FREE), 0);
    }
}
