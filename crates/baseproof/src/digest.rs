//! What a base holds, as digests.

use std::io;

use blockio::{AlignedBuf, Range, ReadAt, Spare, Width, in_order, is_zero};
use hyperlayer::{BaseDigest, DigestKind, LEAF_BYTES, TreeHasher};

/// How much is read at once, in bytes: whole leaves of the digest tree.
const PIECE: usize = 16 * LEAF_BYTES;

/// Enough reads at once for a disk to have something to choose from.
const WIDTH: Width = Width { threads: 8, window: 16 };

/// The ranges of a volume that are mapped, in ascending order.
pub type Mapped<'a> = Box<dyn Iterator<Item = io::Result<Range>> + Send + 'a>;

/// The same of ranges that are in memory.
pub fn mapped_in(ranges: &[Range]) -> Mapped<'_> {
    Box::new(ranges.iter().copied().map(Ok))
}

/// The digest of each range.
///
/// # Errors
/// Where the base cannot be read.
pub fn digest_ranges(base: &(impl ReadAt + Sync), ranges: &[Range]) -> io::Result<Vec<BaseDigest>> {
    let mut ranges = ranges.iter();
    let mut digests = Vec::new();
    in_order(
        WIDTH,
        || io::Result::Ok(ranges.next()),
        |range| digest_range(base, *range),
        |digest| {
            digests.push(digest);
            Ok(())
        },
    )?;
    Ok(digests)
}

/// The root digest of a base of `size` bytes, at detect level 3.
///
/// `mapped` are the ranges that are mapped, in ascending order; what lies between them is taken
/// as zeros, unread, and costs nothing. `None` reads everything but the holes that the base itself knows
/// of. `go_on` is asked between any two pieces.
///
/// # Errors
/// Where the base cannot be read, or that of `go_on`.
pub fn digest_whole(
    base: &(impl ReadAt + Sync),
    size: u64,
    mapped: Option<Mapped<'_>>,
    go_on: &(dyn Fn() -> io::Result<()> + Sync),
) -> io::Result<BaseDigest> {
    let mut tree = TreeHasher::new(size);
    for_each_leaf(base, size, mapped, go_on, |number, digest| {
        tree.leaf(number, digest);
        Ok(())
    })?;
    let (kind, digest) = (DigestKind::Root, tree.finish());
    Ok(BaseDigest { offset: 0, length: size, kind, digest })
}

/// Calls `take` with the number and the digest of each leaf of a volume's digest tree that holds something else than
/// zeros, in ascending order. The rest is as for [`digest_whole`].
///
/// # Errors
/// As for [`digest_whole`], and those of `take`.
pub fn for_each_leaf(
    base: &(impl ReadAt + Sync),
    size: u64,
    mapped: Option<Mapped<'_>>,
    go_on: &(dyn Fn() -> io::Result<()> + Sync),
    mut take: impl FnMut(u64, [u8; 32]) -> io::Result<()>,
) -> io::Result<()> {
    let everything = [Range { offset: 0, length: size }];
    let mapped = mapped.unwrap_or_else(|| mapped_in(&everything));
    let mut pieces = Pieces { mapped, first: None, size, place: 0 };
    let buffers = Spare::default();
    in_order(
        WIDTH,
        || {
            go_on()?;
            pieces.next(base)
        },
        |piece| {
            let mut buf = buffers.take(|| AlignedBuf::new(PIECE))?;
            let leaves = piece.leaves(base, &mut buf)?;
            buffers.give(buf);
            Ok(leaves)
        },
        |leaves| leaves.into_iter().try_for_each(|(number, digest)| take(number, digest)),
    )
}

/// At most [`PIECE`] bytes of a volume, from a multiple of that on: whole leaves of its tree.
struct Piece {
    begin: u64,
    end: u64,
    /// What is to be read of it, in ascending order. The rest is zeros.
    parts: Vec<Range>,
}

impl Piece {
    /// The digests of the leaves that hold something else than zeros, and their numbers.
    fn leaves(&self, base: &impl ReadAt, buf: &mut [u8]) -> io::Result<Vec<(u64, [u8; 32])>> {
        let buf = &mut buf[..(self.end - self.begin) as usize];
        if self.parts.iter().map(|part| part.length).sum::<u64>() < buf.len() as u64 {
            buf.fill(0);
        }
        for part in &self.parts {
            let from = (part.offset - self.begin) as usize;
            base.read_at(part.offset, &mut buf[from..from + part.length as usize])?;
        }
        let first = self.begin / LEAF_BYTES as u64;
        let leaves = (first..).zip(buf.chunks(LEAF_BYTES));
        // To look for zeros costs less than to digest them, and next to nothing where there is data.
        let data = leaves.filter(|(_, leaf)| !is_zero(leaf));
        Ok(data.map(|(number, leaf)| (number, TreeHasher::leaf_digest(leaf))).collect())
    }
}

/// All pieces of a volume in which there may be data.
struct Pieces<'a> {
    mapped: Mapped<'a>,
    /// The first range that may not be done.
    first: Option<Range>,
    size: u64,
    /// What lies before it is done.
    place: u64,
}

impl Pieces<'_> {
    fn next(&mut self, base: &impl ReadAt) -> io::Result<Option<Piece>> {
        loop {
            let Some(rest) = self.rest()? else { return Ok(None) };
            let data = base.behind_hole(rest.offset)?;
            if data <= rest.offset {
                return self.take(rest.offset - rest.offset % PIECE as u64).map(Some);
            }
            self.place = data;
        }
    }

    /// The piece from `begin` on.
    fn take(&mut self, begin: u64) -> io::Result<Piece> {
        let end = begin.saturating_add(PIECE as u64).min(self.size);
        let mut parts = Vec::<Range>::new();
        while let Some(rest) = self.rest()?.filter(|rest| rest.offset < end) {
            let length = rest.length.min(end - rest.offset);
            match parts.last_mut() {
                Some(last) if last.offset + last.length == rest.offset => last.length += length,
                _ => parts.push(Range { offset: rest.offset, length }),
            }
            self.place = rest.offset + length;
        }
        Ok(Piece { begin, end, parts })
    }

    /// What is still to be done of the first range of which there is something, as far as the volume goes.
    fn rest(&mut self) -> io::Result<Option<Range>> {
        loop {
            if let Some(range) = self.first {
                let offset = range.offset.max(self.place);
                let end = range.offset.saturating_add(range.length).min(self.size);
                if offset < end {
                    return Ok(Some(Range { offset, length: end - offset }));
                }
            }
            self.first = self.mapped.next().transpose()?;
            if self.first.is_none() {
                return Ok(None);
            }
        }
    }
}

pub(crate) fn digest_range(base: &impl ReadAt, range: Range) -> io::Result<BaseDigest> {
    let mut buf = AlignedBuf::new(PIECE.min(range.length.max(1) as usize))?;
    let mut hasher = blake3::Hasher::new();
    let mut done = 0;
    while done < range.length {
        let length = (range.length - done).min(buf.len() as u64) as usize;
        base.read_at(range.offset + done, &mut buf[..length])?;
        hasher.update(&buf[..length]);
        done += length as u64;
    }
    let digest = *hasher.finalize().as_bytes();
    let kind = DigestKind::Bytes;
    Ok(BaseDigest { offset: range.offset, length: range.length, kind, digest })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use proptest::prelude::*;

    use super::*;

    fn digest(base: &(impl ReadAt + Sync), size: u64, mapped: Option<&[Range]>) -> BaseDigest {
        digest_whole(base, size, mapped.map(mapped_in), &|| Ok(())).unwrap()
    }

    /// The same of all bytes, one leaf after another.
    fn expected(base: &[u8]) -> BaseDigest {
        let mut tree = TreeHasher::new(base.len() as u64);
        let leaves = (0..).zip(base.chunks(LEAF_BYTES));
        leaves.for_each(|(number, leaf)| tree.leaf(number, TreeHasher::leaf_digest(leaf)));
        let (length, kind) = (base.len() as u64, DigestKind::Root);
        BaseDigest { offset: 0, length, kind, digest: tree.finish() }
    }

    #[test]
    fn holes_count_as_zeros_and_are_not_read() {
        let mut base = vec![0; 3_000_000];
        base[1_000_000..1_100_000].fill(5);
        let whole = digest(&base, 3_000_000, None);
        assert_eq!(whole, expected(&base));

        base[2_000_000] = 9; // stray data where the mapping says there is a hole
        let mapped = [
            Range { offset: 0, length: 1000 },
            Range { offset: 500_000, length: 0 },
            Range { offset: 1_000_000, length: 100_000 },
            Range { offset: 2_999_000, length: 5000 },
        ];
        assert_eq!(digest(&base, 3_000_000, Some(&mapped)), whole);
        assert_ne!(digest(&base, 3_000_000, None), whole);
    }

    #[test]
    fn it_can_be_interrupted() {
        let asked = AtomicU64::new(0);
        let go_on = || match asked.fetch_add(1, Ordering::Relaxed) {
            0..3 => Ok(()),
            _ => Err(io::Error::other("interrupted")),
        };
        let base = vec![0; 10 * PIECE];
        let error = digest_whole(&base, base.len() as u64, None, &go_on).unwrap_err();
        assert_eq!(error.to_string(), "interrupted");
    }

    /// Of any size, with 512 bytes of 7 at one place, and holes where the first range is not.
    struct Sparse {
        data: Range,
        at: u64,
    }

    impl ReadAt for Sparse {
        fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
            let end = offset + buf.len() as u64;
            assert!(offset >= self.data.offset && end <= self.data.offset + self.data.length);
            buf.fill(0);
            buf[(self.at - offset) as usize..][..512].fill(7);
            Ok(())
        }

        fn behind_hole(&self, offset: u64) -> io::Result<u64> {
            match offset < self.data.offset + self.data.length {
                true => Ok(offset.max(self.data.offset)),
                false => Ok(u64::MAX),
            }
        }
    }

    #[test]
    fn holes_of_any_size_cost_nothing() {
        let most = (1 << 63) - 512;
        for (size, place) in
            [(16 << 40, 9 << 40), (most, most - most % LEAF_BYTES as u64), (most, 0)]
        {
            let data = Range { offset: place, length: 1024 };
            let base = Sparse { data, at: place + 512 };
            let mut tree = TreeHasher::new(size);
            let mut bytes = vec![0; LEAF_BYTES];
            let within = place as usize % LEAF_BYTES;
            bytes[within + 512..within + 1024].fill(7);
            tree.leaf(place / LEAF_BYTES as u64, TreeHasher::leaf_digest(&bytes));
            let found = digest(&base, size, Some(&[data]));
            assert_eq!(found.digest, tree.finish());
            // A source that knows its holes says them itself. Here they lie at 1 MiB's boundaries.
            let length = (size - place / PIECE as u64 * PIECE as u64).min(PIECE as u64);
            let data = Range { offset: place / PIECE as u64 * PIECE as u64, length };
            assert_eq!(digest(&Sparse { data, ..base }, size, None), found);
        }
        assert_eq!(
            digest(&Vec::new(), 1 << 62, Some(&[])).digest,
            TreeHasher::new(1 << 62).finish()
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

        #[test]
        fn whatever_is_mapped_the_same_content_has_the_same_digest(
            sectors in 0..9000_u64,
            // Length of a hole, of data, and what that holds: also zeros.
            runs in prop::collection::vec((0..3000_u64, 0..3000_u64, 0..3_u8), 0..8),
            stray in any::<u8>(),
        ) {
            let size = sectors * 512;
            let (mut content, mut place, mut mapped) = (vec![0; size as usize], 0, Vec::new());
            for (hole, length, byte) in runs {
                let range = Range { offset: (place + hole) * 512, length: length * 512 };
                place += hole + length;
                let end = (range.offset + range.length).min(size);
                let bytes = content.get_mut(range.offset as usize..end as usize);
                bytes.into_iter().for_each(|bytes| bytes.fill(byte));
                mapped.push(range);
            }
            let whole = expected(&content);
            prop_assert_eq!(digest(&content, size, None), whole);
            // What lies in holes is not seen.
            let mut base = vec![stray; size as usize];
            for range in &mapped {
                let end = (range.offset + range.length).min(size) as usize;
                let Some(bytes) = base.get_mut(range.offset as usize..end) else { continue };
                bytes.copy_from_slice(&content[range.offset as usize..end]);
            }
            prop_assert_eq!(digest(&base, size, Some(&mapped)), whole);
        }
    }
}
