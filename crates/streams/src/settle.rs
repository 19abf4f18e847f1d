//! [`Settled`]: changes in the form of records, and what the header announces about them.

use crate::change::{Change, push};

/// The sizes that matter at the two ends, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) chunk_size: u64,
    /// The first base's size; 0 without one.
    pub(crate) base_size: u64,
    /// The last target's size.
    pub(crate) target_size: u64,
}

/// The changes as a stream's records, and their sums.
#[derive(Debug)]
pub(crate) struct Settled<C> {
    pub(crate) changes: Vec<C>,
    /// How many runs of chunks are written, plus how many are unmapped.
    pub(crate) extents: u64,
    /// The total size of the chunks that are written to, each as a whole, within the volume.
    pub(crate) changed_bytes: u64,
    pub(crate) unmapped_bytes: u64,
}

/// Turns `changes` into records. The changes must ascend, must not overlap, and must discard everything
/// after the base's end that no other change covers.
///
/// Whole chunks are unmapped, if the base covers them. A partial chunk cannot be unmapped: if the base covers
/// it, the part becomes zeros, and the chunk counts as written. After the base's end there is nothing to
/// unmap, and whatever nobody writes to reads as zeros.
pub(crate) fn settle<C: Change>(changes: &[C], ends: Ends) -> Settled<C> {
    let mut settled = Vec::new();
    let writes_to_border = writes_to_border(changes, ends);
    let stands = |offset: u64| {
        let chunk = offset - offset % ends.chunk_size;
        let border = chunk + ends.chunk_size > ends.base_size;
        chunk < ends.base_size && (!border || writes_to_border)
    };
    for &change in changes {
        if change.offset() >= ends.target_size {
            break;
        }
        let change =
            if change.end() > ends.target_size { change.before(ends.target_size) } else { change };
        if !change.is_discard() {
            push(&mut settled, change);
            continue;
        }
        let (begin, end) = (change.offset(), change.end());
        // The volume's end also ends a chunk.
        let whole_end = if end == ends.target_size { end } else { end - end % ends.chunk_size };
        let whole_begin = begin.next_multiple_of(ends.chunk_size).min(end);
        let whole_end = whole_end.max(whole_begin);
        if begin < whole_begin && stands(begin) {
            push(&mut settled, C::zero(begin, whole_begin - begin));
        }
        let base_end = ends.base_size.next_multiple_of(ends.chunk_size);
        let discarded_end = whole_end.min(base_end);
        if whole_begin < discarded_end {
            push(&mut settled, C::discard(whole_begin, discarded_end - whole_begin));
        }
        if whole_end < end && stands(whole_end) {
            push(&mut settled, C::zero(whole_end, end - whole_end));
        }
    }
    Settled::announce(settled, ends)
}

/// Whether anything but growth happens to the chunk in which the base ends.
fn writes_to_border<C: Change>(changes: &[C], ends: Ends) -> bool {
    let begin = ends.base_size - ends.base_size % ends.chunk_size;
    let end = begin + ends.chunk_size;
    let grown = |change: &C| change.is_discard() && change.offset() >= ends.base_size;
    let from = changes.partition_point(|change| change.end() <= begin);
    changes[from..].iter().take_while(|change| change.offset() < end).any(|change| !grown(change))
}

impl<C: Change> Settled<C> {
    fn announce(changes: Vec<C>, ends: Ends) -> Self {
        /// A run of chunks of one kind.
        struct Run {
            end: u64,
            unmapped: bool,
        }
        let (mut extents, mut changed_bytes, mut unmapped_bytes) = (0, 0, 0);
        let mut last = Run { end: 0, unmapped: false };
        for change in &changes {
            let unmapped = change.is_discard();
            let begin = change.offset() - change.offset() % ends.chunk_size;
            let end = change.end().next_multiple_of(ends.chunk_size).min(ends.target_size);
            if extents == 0 || last.unmapped != unmapped || begin > last.end {
                extents += 1;
            }
            // A chunk that several changes write to counts once.
            let sum = if unmapped { &mut unmapped_bytes } else { &mut changed_bytes };
            *sum += end - begin.max(last.end);
            last = Run { end, unmapped };
        }
        Self { changes, extents, changed_bytes, unmapped_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::piece::Piece;

    const ENDS: Ends = Ends { chunk_size: 4096, base_size: 40960, target_size: 40960 };

    fn settled(pieces: &[Piece], ends: Ends) -> (Vec<Piece>, u64, u64, u64) {
        let settled = settle(pieces, ends);
        (settled.changes, settled.extents, settled.changed_bytes, settled.unmapped_bytes)
    }

    #[test]
    fn parts_of_chunks_become_zeros() {
        let zero = Piece::zero;
        assert_eq!(
            settled(&[Piece::discard(512, 4096 * 2)], ENDS),
            (vec![zero(512, 3584), Piece::discard(4096, 4096), zero(8192, 512)], 3, 8192, 4096)
        );
        assert_eq!(settled(&[Piece::discard(512, 512)], ENDS), (vec![zero(512, 512)], 1, 4096, 0));
        assert_eq!(
            settled(&[Piece::discard(512, 4096)], ENDS),
            (vec![zero(512, 4096)], 1, 8192, 0)
        );
    }

    #[test]
    fn the_last_chunk_is_whole_up_to_the_volumes_end() {
        let ends = Ends { base_size: 40960 - 512, target_size: 40960 - 512, ..ENDS };
        let last = Piece::discard(40960 - 4096, 3584);
        assert_eq!(settled(&[last], ends), (vec![last], 1, 0, 3584));
        // A smaller target cuts off the rest.
        let ends = Ends { target_size: 40960 - 4096 + 512, ..ends };
        assert_eq!(settled(&[last], ends), (vec![Piece::discard(36864, 512)], 1, 0, 512));
        assert_eq!(settled(&[last], Ends { target_size: 4096, ..ends }), (vec![], 0, 0, 0));
    }

    #[test]
    fn where_the_base_has_nothing_nothing_is_unmapped() {
        let full = Ends { base_size: 0, ..ENDS };
        let zero = Piece::zero(4096, 512);
        let pieces = [Piece::discard(0, 4096), zero, Piece::discard(4608, 1 << 40)];
        assert_eq!(settled(&pieces, full), (vec![zero], 1, 4096, 0));

        // The base ends inside a chunk: growth alone does nothing to it.
        let grown = Ends { base_size: 4608, ..ENDS };
        let tail = Piece::discard(4608, 1 << 40);
        assert_eq!(settled(&[tail], grown), (vec![], 0, 0, 0));
        // If something else does, the rest of the chunk is zeroed as well.
        assert_eq!(
            settled(&[Piece::zero(4096, 512), tail], grown),
            (vec![Piece::zero(4096, 4096)], 1, 4096, 0)
        );
        assert_eq!(
            settled(&[Piece::discard(4096, 1 << 40)], grown),
            (vec![Piece::discard(4096, 4096)], 1, 0, 4096)
        );
    }

    #[test]
    fn a_chunk_that_is_written_to_twice_counts_once() {
        let pieces = [512, 2048, 4096 + 512].map(|offset| Piece::zero(offset, 512));
        assert_eq!(settled(&pieces, ENDS), (pieces.to_vec(), 1, 8192, 0));
    }
}
