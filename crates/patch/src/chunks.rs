//! [`Chunks`]: a set of chunks, by their numbers.

use std::collections::BTreeMap;

/// Chunks, by their numbers.
pub(crate) enum Chunks {
    /// All before this one.
    Ascending(u64),
    /// Ranges: the first one, and the one after the last. They do not touch each other.
    Any(BTreeMap<u64, u64>),
}

impl Chunks {
    /// An empty set. If chunks `ascend`, each range added lies after the previous ones.
    pub(crate) fn new(ascend: bool) -> Self {
        match ascend {
            true => Self::Ascending(0),
            false => Self::Any(BTreeMap::new()),
        }
    }

    /// Forgets all chunks, unless they ascend.
    pub(crate) fn forget(&mut self) {
        if let Self::Any(ranges) = self {
            ranges.clear();
        }
    }

    /// Removes a range, unless chunks ascend.
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

    /// Keeps only the last `count` ranges.
    pub(crate) fn shrink_to(&mut self, count: usize) {
        if let Self::Any(ranges) = self {
            while ranges.len() > count {
                ranges.pop_first();
            }
        }
    }

    /// Adds a range; yields how many of its chunks are new, and whether it touches no other range.
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
}
