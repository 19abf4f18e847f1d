//! Logical sectors: what a device reads and writes as a whole.

use std::ops::Range;

/// The least sector there is, in bytes; offsets and lengths of a stream are multiples of it.
pub(crate) const LEAST: u64 = 512;

/// A range, taken apart at the boundaries of sectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    /// Up to the first boundary: a part of one sector, or nothing.
    pub(crate) head: Range<u64>,
    /// Whole sectors, or nothing.
    pub(crate) whole: Range<u64>,
    /// From the last boundary on: a part of one sector, or nothing.
    pub(crate) tail: Range<u64>,
}

impl Parts {
    /// The parts of a range whose end, rounded up to a sector, is a `u64`.
    pub(crate) fn of(range: Range<u64>, sector: u64) -> Self {
        let begin = range.start.next_multiple_of(sector).min(range.end);
        let end = (range.end - range.end % sector).max(begin);
        Self { head: range.start..begin, whole: begin..end, tail: end..range.end }
    }

    /// Those parts of sectors that are not empty.
    pub(crate) fn edges(&self) -> impl Iterator<Item = Range<u64>> {
        [self.head.clone(), self.tail.clone()].into_iter().filter(|edge| !edge.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_taken_apart_at_sectors() {
        let parts = |range| {
            let Parts { head, whole, tail } = Parts::of(range, 4096);
            (head, whole, tail)
        };
        assert_eq!(parts(4096..12288), (4096..4096, 4096..12288, 12288..12288));
        assert_eq!(parts(512..12288), (512..4096, 4096..12288, 12288..12288));
        assert_eq!(parts(4096..8704), (4096..4096, 4096..8192, 8192..8704));
        assert_eq!(parts(3584..8704), (3584..4096, 4096..8192, 8192..8704));
        assert_eq!(parts(3584..4608), (3584..4096, 4096..4096, 4096..4608));
        assert_eq!(parts(512..1024), (512..1024, 1024..1024, 1024..1024));
        assert_eq!(parts(0..512), (0..0, 0..0, 0..512));
        assert_eq!(parts(512..512), (512..512, 512..512, 512..512));
    }

    #[test]
    fn edges_are_parts_of_one_sector_and_never_empty() {
        for (begin, end) in [(0, 8192), (512, 1024), (3584, 4608), (512, 8192), (0, 8704), (1, 1)] {
            for edge in Parts::of(begin..end, 4096).edges() {
                assert!(!edge.is_empty() && edge.start / 4096 == (edge.end - 1) / 4096);
            }
        }
    }
}
