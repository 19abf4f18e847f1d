//! [`Rest`]: changes of which the first have arrived already.

use std::io;

use blockio::Range;
use flow::usage;
use hyperlayer::{Error, Finished, Held, Packed, RecordSink, SECTOR};
use source::{Changes, Extent, Series};

/// The shortest range that has a digest of its own where several follow one another: below that, the digests would
/// cost more than a record that is sent twice.
const PIECE: u64 = 16 << 20;

/// How many pieces the ranges are cut into at most, so that they and the gaps between them fit the format.
const PIECES: u64 = Held::MOST as u64 / 4;

/// What has arrived already of a pair's changes; the pair has the others.
pub(crate) struct Rest {
    /// Ranges that cover all that has arrived, in ascending order.
    pub(crate) held: Vec<Range>,
    /// What has arrived.
    pub(crate) arrived: Changes,
}

impl Rest {
    /// Takes out of `changes` what lies before the offset `from`.
    ///
    /// # Errors
    /// A refusal if nothing does, or if no record can begin there; the errors of what holds the changes.
    pub(crate) fn split(changes: &mut Changes, from: u64) -> anyhow::Result<Self> {
        if !from.is_multiple_of(SECTOR) {
            return Err(usage(format!(
                "the rest of a stream begins at a multiple of {SECTOR} bytes, not at offset {from}"
            )));
        }
        let mut arrived = Changes::new(changes.chunk_size);
        let mut left = Series::default();
        for extent in changes.extents.iter() {
            let (before, after) = cut(extent?, from);
            before.map_or(Ok(()), |extent| arrived.extents.push(extent))?;
            after.map_or(Ok(()), |extent| left.push(extent))?;
        }
        if arrived.extents.is_empty() {
            return Err(usage(format!(
                "nothing changed before offset {from}, so a stream has no beginning that could have arrived"
            )));
        }
        changes.extents = left;
        let held = ranges(&arrived.extents)?;
        Ok(Self { held, arrived })
    }
}

/// The two parts of an extent before and after an offset.
fn cut(extent: Extent, at: u64) -> (Option<Extent>, Option<Extent>) {
    let Range { offset, length } = extent.range();
    let end = offset + length;
    let part = |begin: u64, end: u64| {
        let range = Range { offset: begin, length: end.saturating_sub(begin) };
        (begin < end).then(|| Extent::new(range, extent.kind()))
    };
    (part(offset, end.min(at)), part(offset.max(at), end))
}

/// Few enough ranges that cover all extents: neighbours are joined, over larger and larger gaps if need be.
fn ranges(extents: &Series<Extent>) -> io::Result<Vec<Range>> {
    let mut total: u64 = 0;
    for extent in extents.iter() {
        total = total.saturating_add(extent?.range().length);
    }
    let mut gap = 0;
    loop {
        let joined = joined(extents, gap, PIECE.max(total.div_ceil(PIECES)))?;
        match joined {
            Some(ranges) => return Ok(ranges),
            None => gap = (gap * 2).max(4096),
        }
    }
}

/// The extents joined over gaps of at most `gap` bytes, in ranges of at most `most` bytes without them; `None`
/// if there are too many.
fn joined(extents: &Series<Extent>, gap: u64, most: u64) -> io::Result<Option<Vec<Range>>> {
    let mut ranges: Vec<Range> = Vec::new();
    for extent in extents.iter() {
        let mut range = extent?.range();
        if let Some(last) = ranges.last_mut() {
            let behind = last.offset + last.length;
            let room = most.saturating_sub(last.length);
            if range.offset - behind <= gap && room > 0 {
                let taken = range.length.min(room);
                last.length = range.offset + taken - last.offset;
                range = Range { offset: range.offset + taken, length: range.length - taken };
            }
        }
        while range.length > 0 {
            if ranges.len() == Held::MOST {
                return Ok(None);
            }
            let length = range.length.min(most);
            ranges.push(Range { offset: range.offset, length });
            range = Range { offset: range.offset + length, length: range.length - length };
        }
    }
    Ok(Some(ranges))
}

/// Takes records and keeps none: for what has arrived already, of which only the digest tree is wanted.
pub(crate) struct Nowhere;

impl RecordSink for Nowhere {
    type Output = ();

    fn packed_data(&mut self, _: u64, _: &[u8], _: &Packed) -> Result<(), Error> {
        Ok(())
    }

    fn zero(&mut self, _: u64, _: u64) -> Result<(), Error> {
        Ok(())
    }

    fn discard(&mut self, _: u64, _: u64) -> Result<(), Error> {
        Ok(())
    }

    fn finish(self) -> Result<((), Finished), Error> {
        Err(Error::Invalid("records that go nowhere have no end".into()))
    }
}

#[cfg(test)]
mod tests {
    use thinmeta::ExtentKind;

    use super::*;

    fn changes(ranges: &[(u64, u64)]) -> Changes {
        let mut changes = Changes::new(4096);
        for &(offset, length) in ranges {
            changes.add(Range { offset, length }, ExtentKind::Changed).unwrap();
        }
        changes
    }

    fn pairs(extents: &Series<Extent>) -> Vec<(u64, u64)> {
        extents.iter().map(|extent| extent.unwrap().range()).map(|r| (r.offset, r.length)).collect()
    }

    #[test]
    fn an_extent_is_cut_where_the_rest_begins() {
        let mut all = changes(&[(0, 4096), (8192, 8192), (32768, 4096)]);
        let rest = Rest::split(&mut all, 12288).unwrap();
        assert_eq!(pairs(&rest.arrived.extents), [(0, 4096), (8192, 4096)]);
        assert_eq!(pairs(&all.extents), [(12288, 4096), (32768, 4096)]);
        let held: Vec<_> = rest.held.iter().map(|range| (range.offset, range.length)).collect();
        assert_eq!(held, [(0, 4096), (8192, 4096)]);
        // All has arrived but the end.
        let mut all = changes(&[(0, 4096)]);
        Rest::split(&mut all, 1 << 20).unwrap();
        assert_eq!(pairs(&all.extents), []);
    }

    #[test]
    fn a_rest_has_a_beginning() {
        assert!(Rest::split(&mut changes(&[(8192, 4096)]), 8192).is_err());
        assert!(Rest::split(&mut changes(&[(8192, 4096)]), 8193).is_err());
    }

    #[test]
    fn long_ranges_are_cut_and_many_are_joined() {
        let long = 100 * PIECE;
        let mut all = changes(&[(0, long)]);
        let rest = Rest::split(&mut all, long).unwrap();
        assert_eq!(rest.held.len(), 100);
        let scattered: Vec<_> = (0..100_000).map(|number| (number * 12288, 4096)).collect();
        let mut all = changes(&scattered);
        let rest = Rest::split(&mut all, u64::MAX / 512 * 512).unwrap();
        assert!(rest.held.len() <= Held::MOST);
        for (offset, length) in scattered {
            let covers = |range: &&Range| {
                range.offset <= offset && offset + length <= range.offset + range.length
            };
            // The ends of two ranges may meet within an extent.
            let meets =
                |range: &&Range| range.offset <= offset && offset < range.offset + range.length;
            let covered = rest.held.iter().find(covers).or_else(|| rest.held.iter().find(meets));
            assert!(covered.is_some(), "{offset}");
        }
        assert!(rest.held.is_sorted_by(|one, next| one.offset + one.length <= next.offset));
    }
}
