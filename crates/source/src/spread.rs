//! [`spread`]: where in a volume the changes are, part by part.

use std::io;

use blockio::Range;
use thinmeta::ExtentKind;

use crate::extent::Extent;

/// One of the parts, about equal in size, that a volume is divided into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Portion {
    /// Its size in bytes.
    pub length: u64,
    /// How many of them changed.
    pub changed: u64,
    /// How many of them became unmapped.
    pub unmapped: u64,
}

/// Divides a volume of `size` bytes into `count` parts, fewer if it has fewer bytes, and says how much changed in each.
///
/// # Errors
/// The first error among the extents.
pub fn spread(
    extents: impl IntoIterator<Item = io::Result<Extent>>,
    size: u64,
    count: usize,
) -> io::Result<Vec<Portion>> {
    // Products of two such numbers fit in 128 bits, and every quotient below is at most `size`.
    let count = size.min(count as u64);
    if count == 0 {
        return Ok(vec![]);
    }
    let (all, parts) = (u128::from(size), u128::from(count));
    let begin = |part: u64| (u128::from(part) * all / parts) as u64;
    let part_of = |offset: u64| (((u128::from(offset) + 1) * parts - 1) / all) as u64;
    let length = |part| begin(part + 1) - begin(part);
    let portion = |part| Portion { length: length(part), ..Portion::default() };
    let mut portions: Vec<_> = (0..count).map(portion).collect();
    for extent in extents {
        let extent = extent?;
        let Range { offset, length } = extent.range();
        let (mut at, end) = (offset, offset.saturating_add(length).min(size));
        while at < end {
            let part = part_of(at);
            let next = begin(part + 1).min(end);
            let portion = &mut portions[part as usize];
            match extent.kind() {
                ExtentKind::Changed => portion.changed += next - at,
                ExtentKind::Unmapped => portion.unmapped += next - at,
            }
            at = next;
        }
    }
    Ok(portions)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn extent(offset: u64, length: u64, kind: ExtentKind) -> io::Result<Extent> {
        Ok(Extent::new(Range { offset, length }, kind))
    }

    #[test]
    fn an_extent_counts_in_every_part_that_it_touches() {
        let extents = [extent(90, 120, ExtentKind::Changed), extent(399, 1, ExtentKind::Unmapped)];
        let expected = [(10, 0), (100, 0), (10, 0), (0, 1)];
        let expected =
            expected.map(|(changed, unmapped)| Portion { length: 100, changed, unmapped });
        assert_eq!(spread(extents, 400, 4).unwrap(), expected);
    }

    #[test]
    fn there_are_no_empty_parts() {
        assert_eq!(spread([], 0, 5).unwrap(), []);
        assert_eq!(spread([], 2, 5).unwrap().len(), 2);
        assert_eq!(spread([], 5, 0).unwrap(), []);
        let failed = [Err(io::ErrorKind::InvalidData.into())];
        assert!(spread(failed, 400, 4).is_err());
    }

    #[test]
    fn the_largest_volume_has_parts_too() {
        let all = [extent(0, u64::MAX, ExtentKind::Changed)];
        let parts = spread(all, u64::MAX, 78).unwrap();
        assert!(parts.iter().all(|part| part.changed == part.length && part.length > 0));
        assert_eq!(parts.iter().map(|part| u128::from(part.length)).sum::<u128>(), u64::MAX.into());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn every_byte_is_in_its_part(
            size in 1..300_u64,
            count in 1..100_usize,
            kinds in prop::collection::vec(0..3_u8, 300),
        ) {
            let kinds = &kinds[..size as usize];
            let bytes = (0..).zip(kinds).filter_map(|(offset, kind)| match kind {
                0 => None,
                1 => Some(extent(offset, 1, ExtentKind::Changed)),
                _ => Some(extent(offset, 1, ExtentKind::Unmapped)),
            });
            let mut at = 0;
            for part in spread(bytes, size, count).unwrap() {
                let of_it = &kinds[at..at + part.length as usize];
                let count = |kind| of_it.iter().filter(|other| **other == kind).count() as u64;
                prop_assert_eq!((part.changed, part.unmapped), (count(1), count(2)));
                at += part.length as usize;
            }
            prop_assert_eq!(at, kinds.len());
        }
    }
}
