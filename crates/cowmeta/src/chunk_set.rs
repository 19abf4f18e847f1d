//! [`ChunkSet`]: many chunk numbers in little memory.

use std::collections::BTreeMap;

/// The bits of one page.
const PAGE: u64 = 4096;

/// A set of numbers: a bit each, in pages of 4096 bits, of which there are those that are not empty.
/// Neighbours cost a bit, and no number costs more than a page.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChunkSet {
    pages: BTreeMap<u64, Box<[u64; 64]>>,
    count: u64,
}

impl ChunkSet {
    /// Takes in a number; false where it is there already.
    pub(crate) fn insert(&mut self, number: u64) -> bool {
        let (page, bit) = (number / PAGE, number % PAGE);
        let page = self.pages.entry(page).or_insert_with(|| Box::new([0; 64]));
        let word = page.get_mut((bit / 64) as usize).expect("a page has 64 words of 64 bits");
        let mask = 1 << (bit % 64);
        let is_new = *word & mask == 0;
        *word |= mask;
        self.count = self.count.saturating_add(u64::from(is_new));
        is_new
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// All of them, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> {
        self.pages.iter().flat_map(|(page, words)| {
            let begin = page.saturating_mul(PAGE);
            let words = (0_u64..).zip(words.iter());
            words.filter(|(_, word)| **word != 0).flat_map(move |(index, word)| {
                let begin = begin.saturating_add(index.saturating_mul(64));
                let is_set = move |bit: &u64| word & (1 << *bit) != 0;
                (0..64).filter(is_set).map(move |bit| begin.saturating_add(bit))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn it_holds_what_a_set_holds(
            numbers in prop::collection::vec(
                prop_oneof![0..200_u64, 4000..4200_u64, any::<u64>(), Just(u64::MAX)], 0..100,
            ),
        ) {
            let (mut chunks, mut expected) = (ChunkSet::default(), BTreeSet::new());
            for number in numbers {
                prop_assert_eq!(chunks.insert(number), expected.insert(number));
            }
            prop_assert_eq!(chunks.count(), expected.len() as u64);
            prop_assert!(chunks.iter().eq(expected));
        }
    }
}
