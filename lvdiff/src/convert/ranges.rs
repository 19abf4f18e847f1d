//! [`Ranges`]: what records in any order do in the end.

use std::collections::BTreeMap;

use hyperlayer::Record;

/// What a range becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Data,
    Zero,
    Discard,
}

impl Kind {
    pub(super) fn of(record: &Record<'_>) -> Self {
        match record {
            Record::Data { .. } => Self::Data,
            Record::Zero { .. } => Self::Zero,
            Record::Discard { .. } => Self::Discard,
        }
    }
}

/// Ranges that do not overlap: where each begins, where it ends, and what it becomes.
#[derive(Debug, Default)]
pub(super) struct Ranges(BTreeMap<u64, (u64, Kind)>);

/// What a header announces.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) extents: u64,
    pub(super) changed: u64,
    pub(super) unmapped: u64,
}

impl Ranges {
    /// Adds a range, which covers what was there.
    pub(super) fn cover(&mut self, begin: u64, end: u64, kind: Kind) {
        let below: Vec<_> = self
            .0
            .range(..end)
            .rev()
            .take_while(|(_, (other_end, _))| *other_end > begin)
            .map(|(other, (other_end, kind))| (*other, *other_end, *kind))
            .collect();
        for (other, other_end, other_kind) in below {
            self.0.remove(&other);
            if other < begin {
                self.0.insert(other, (begin, other_kind));
            }
            if other_end > end {
                self.0.insert(end, (other_end, other_kind));
            }
        }
        match self.0.range_mut(..begin).next_back() {
            Some((_, (before, same))) if *before == begin && *same == kind => *before = end,
            _ => {
                self.0.insert(begin, (end, kind));
            }
        }
    }

    /// In ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, u64, Kind)> {
        self.0.iter().map(|(begin, (end, kind))| (*begin, *end, *kind))
    }

    /// What is announced: every chunk that is written to as a whole, as far as the volume goes.
    pub(super) fn sums(&self, chunk_size: u64, size: u64) -> Sums {
        let (mut changed, mut unmapped, mut counted) = (0, 0, 0);
        for (begin, end, kind) in self.iter() {
            if kind == Kind::Discard {
                unmapped += end - begin;
                continue;
            }
            let first = (begin - begin % chunk_size).max(counted);
            counted = end.checked_next_multiple_of(chunk_size).unwrap_or(size).min(size);
            changed += counted.saturating_sub(first);
        }
        // A chunk can be written in part and unmapped in part.
        Sums { extents: self.0.len() as u64, changed: changed.min(size - unmapped), unmapped }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn chunks_count_whole_and_once() {
        let mut ranges = Ranges::default();
        ranges.cover(512, 1024, Kind::Data);
        ranges.cover(2048, 4096, Kind::Zero);
        ranges.cover(8192, 9216, Kind::Discard);
        ranges.cover(9728, 10240, Kind::Data);
        let sums = ranges.sums(4096, 10240);
        assert_eq!(sums, Sums { extents: 4, changed: 4096 + 2048, unmapped: 1024 });
    }

    proptest! {
        #[test]
        fn the_last_one_wins(
            records in prop::collection::vec((0_u64..60, 1_u64..10, 0_usize..3), 0..60),
        ) {
            let kinds = [Kind::Data, Kind::Zero, Kind::Discard];
            let (mut ranges, mut expected) = (Ranges::default(), [None; 80]);
            for (begin, length, kind) in records {
                let kind = kinds[kind];
                ranges.cover(begin, begin + length, kind);
                expected[begin as usize..(begin + length) as usize].fill(Some(kind));
            }
            let mut found = [None; 80];
            let mut last = 0;
            for (begin, end, kind) in ranges.iter() {
                prop_assert!(begin >= last && end > begin);
                last = end;
                found[begin as usize..end as usize].fill(Some(kind));
            }
            prop_assert_eq!(found, expected);
        }
    }
}
