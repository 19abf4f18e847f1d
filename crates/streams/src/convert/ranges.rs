//! [`Ranges`]: the net effect of records in any order.

use std::collections::BTreeMap;

use hyperlayer::Record;

use crate::change::{Change, push};

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
#[derive(Clone, Debug, Default)]
pub(super) struct Ranges(BTreeMap<u64, (u64, Kind)>);

/// A range, and what it becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) begin: u64,
    pub(super) end: u64,
    pub(super) kind: Kind,
}

impl Range {
    /// Its record, if that needs no data.
    pub(super) fn without_data(&self) -> Option<Record<'static>> {
        let (offset, length) = (self.begin, self.end - self.begin);
        match self.kind {
            Kind::Data => None,
            Kind::Zero => Some(Record::Zero { offset, length }),
            Kind::Discard => Some(Record::Discard { offset, length }),
        }
    }
}

impl Change for Range {
    fn zero(offset: u64, length: u64) -> Self {
        Self { begin: offset, end: offset + length, kind: Kind::Zero }
    }

    fn discard(offset: u64, length: u64) -> Self {
        Self { begin: offset, end: offset + length, kind: Kind::Discard }
    }

    fn offset(&self) -> u64 {
        self.begin
    }

    fn end(&self) -> u64 {
        self.end
    }

    fn is_discard(&self) -> bool {
        self.kind == Kind::Discard
    }

    fn before(self, end: u64) -> Self {
        Self { end, ..self }
    }

    fn join(&mut self, next: &Self) -> bool {
        let joins = self.end == next.begin && self.kind == next.kind;
        if joins {
            self.end = next.end;
        }
        joins
    }
}

impl Ranges {
    /// Adds a range, which replaces what was there.
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

    /// In ascending order. Adjacent ranges of one kind are joined, whichever of them came first.
    pub(super) fn into_vec(self) -> Vec<Range> {
        let mut all = Vec::new();
        for (begin, (end, kind)) in self.0 {
            push(&mut all, Range { begin, end, kind });
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::settle::{Ends, settle};

    #[test]
    fn chunks_count_whole_and_parts_of_them_are_not_unmapped() {
        let mut ranges = Ranges::default();
        ranges.cover(512, 1024, Kind::Data);
        ranges.cover(1024, 4096, Kind::Discard);
        ranges.cover(8192, 12288 + 512, Kind::Discard);
        let settled = |base_size| {
            let ends = Ends { chunk_size: 4096, base_size, target_size: 20480 };
            let settled = settle(&ranges.clone().into_vec(), ends);
            let sums = (settled.extents, settled.changed_bytes, settled.unmapped_bytes);
            (settled.changes, sums)
        };
        let data = Range { begin: 512, end: 1024, kind: Kind::Data };
        let (first, second) = (Range::zero(1024, 3072), Range::zero(12288, 512));
        let expected = vec![data, first, Range::discard(8192, 4096), second];
        assert_eq!(settled(20480), (expected, (3, 8192, 4096)));
        assert_eq!(settled(0), (vec![data], (1, 4096, 0)), "a full stream has nothing to unmap");
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
            for Range { begin, end, kind } in ranges.into_vec() {
                prop_assert!(begin >= last && end > begin);
                last = end;
                found[begin as usize..end as usize].fill(Some(kind));
            }
            prop_assert_eq!(found, expected);
        }
    }
}
