//! Which ranges of a base are looked at.

use std::collections::BTreeSet;

use rand::RngExt;

use blockio::Range;

/// How many chunks a sample of detect level 2 has.
pub const SAMPLE_CHUNKS: usize = 64;

/// How many of them are drawn from what is mapped.
const MAPPED_CHUNKS: usize = 31;

/// The ranges that detect level `level` (0 to 2) looks at in a base of `size` bytes, in ascending
/// order, a chunk each.
///
/// Level 2 takes the head, which a file system writes at every mount; 31 chunks of those that are
/// mapped, where volumes differ if they do; and the rest from anywhere, evenly spread, because a
/// base can also have data where there should be none. `mapped_at(fraction)` names a mapped chunk
/// about that far through the mapped ones; `None` where nothing is mapped.
///
/// # Errors
/// Those of `mapped_at`.
pub fn positions<E>(
    level: u8,
    size: u64,
    chunk_size: u64,
    mut mapped_at: impl FnMut(f64) -> Result<Option<u64>, E>,
) -> Result<Vec<Range>, E> {
    let chunks = size.div_ceil(chunk_size);
    let mut rng = rand::rng();
    let mut chosen = BTreeSet::new();
    match level {
        0 => {}
        1 => {
            chosen.insert(0);
        }
        _ if chunks <= SAMPLE_CHUNKS as u64 => chosen.extend(0..chunks),
        _ => {
            chosen.insert(0);
            for share in 0..MAPPED_CHUNKS {
                let fraction = (share as f64 + rng.random::<f64>()) / MAPPED_CHUNKS as f64;
                // A volume that was shrunk can have mappings past its end.
                chosen.extend(mapped_at(fraction)?.filter(|&chunk| chunk < chunks));
            }
            let anywhere = (SAMPLE_CHUNKS - chosen.len()) as u64;
            for share in 0..anywhere {
                // Of `anywhere` shares of the volume, of nearly the same size, one chunk each.
                let bound =
                    |share| (u128::from(chunks) * u128::from(share) / u128::from(anywhere)) as u64;
                chosen.insert(rng.random_range(bound(share)..bound(share + 1)));
            }
            // Those that were drawn twice are made up for.
            while chosen.len() < SAMPLE_CHUNKS {
                chosen.insert(rng.random_range(0..chunks));
            }
        }
    }
    let range = |chunk| {
        let offset = chunk * chunk_size;
        Range { offset, length: chunk_size.min(size - offset) }
    };
    Ok(chosen.into_iter().filter(|&chunk| chunk < chunks).map(range).collect())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    const CHUNK: u64 = 65536;

    fn at(level: u8, size: u64, mapped: Option<u64>) -> Vec<Range> {
        positions(level, size, CHUNK, |_| Ok::<_, Infallible>(mapped)).unwrap()
    }

    #[test]
    fn levels_0_and_1() {
        assert_eq!(at(0, 100 * CHUNK, None), []);
        assert_eq!(at(1, 100 * CHUNK, None), [Range { offset: 0, length: CHUNK }]);
        assert_eq!(at(1, 512, None), [Range { offset: 0, length: 512 }]);
        assert_eq!(at(1, 0, None), []);
        assert_eq!(at(2, 0, None), []);
    }

    #[test]
    fn a_small_volume_is_looked_at_whole() {
        let ranges = at(2, 63 * CHUNK + 512, Some(3));
        assert_eq!(ranges.len(), 64);
        assert_eq!(ranges.iter().map(|range| range.length).sum::<u64>(), 63 * CHUNK + 512);
    }

    #[test]
    fn a_sample_has_64_chunks_spread_over_the_volume() {
        for _ in 0..50 {
            let ranges = at(2, 10_000 * CHUNK, Some(777));
            assert_eq!(ranges.len(), SAMPLE_CHUNKS);
            assert!(ranges.is_sorted_by_key(|range| range.offset));
            assert_eq!(ranges[0].offset, 0);
            assert!(ranges.iter().any(|range| range.offset == 777 * CHUNK));
            for quarter in 0..4 {
                let inside = |range: &&Range| range.offset / CHUNK / 2500 == quarter;
                assert!(ranges.iter().filter(inside).count() >= 10, "quarter {quarter}");
            }
        }
    }

    #[test]
    fn mapped_chunks_are_asked_for_all_the_way_through() {
        let mut fractions = Vec::new();
        positions(2, 1 << 40, CHUNK, |fraction| {
            fractions.push(fraction);
            Ok::<_, Infallible>(None)
        })
        .unwrap();
        assert_eq!(fractions.len(), MAPPED_CHUNKS);
        assert!(fractions.is_sorted() && fractions[0] < 0.04 && fractions[30] > 0.96);
        assert!(fractions.iter().all(|fraction| (0.0..1.0).contains(fraction)));
    }

    #[test]
    fn mappings_past_the_end_are_passed_over() {
        let ranges = at(2, 1000 * CHUNK, Some(5000));
        assert_eq!(ranges.len(), SAMPLE_CHUNKS);
        assert!(ranges.iter().all(|range| range.offset < 1000 * CHUNK));
    }
}
