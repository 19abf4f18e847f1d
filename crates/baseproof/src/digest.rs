//! What a base holds, as BLAKE3.

use std::io;
use std::sync::Mutex;

use blockio::{AlignedBuf, ReadAt, Width, in_order};
use hyperlayer::BaseDigest;

use crate::Range;

/// How much is read at once, in bytes.
const PIECE: usize = 1 << 20;

/// How much of a hole is hashed at once.
const HOLE: u64 = 64 << 20;

/// Enough reads at once for a disk to have something to choose from.
const WIDTH: Width = Width { threads: 8, window: 16 };

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

/// The digest of all of a base of `size` bytes, at detect level 3.
///
/// `mapped` are the ranges that are mapped, in ascending order; what lies between them is taken
/// as zeros, unread. `None` reads everything. `go_on` is asked between any two pieces, holes
/// included.
///
/// # Errors
/// Where the base cannot be read, or that of `go_on`.
pub fn digest_whole(
    base: &(impl ReadAt + Sync),
    size: u64,
    mapped: Option<&[Range]>,
    go_on: &(dyn Fn() -> io::Result<()> + Sync),
) -> io::Result<BaseDigest> {
    let everything = [Range { offset: 0, length: size }];
    let mut pieces =
        Pieces { mapped: mapped.unwrap_or(&everything).iter(), size, place: 0, begin: 0, end: 0 };
    let idle: Mutex<Vec<AlignedBuf>> = Mutex::default();
    let mut hasher = blake3::Hasher::new();
    in_order(
        WIDTH,
        || {
            go_on()?;
            io::Result::Ok(pieces.next())
        },
        |piece| match piece {
            Piece::Hole(length) => Ok((length, None)),
            Piece::Data(Range { offset, length }) => {
                let spare = idle.lock().expect("nobody panics with it").pop();
                let mut buf = spare.map_or_else(|| AlignedBuf::new(PIECE), Ok)?;
                base.read_at(offset, &mut buf[..length as usize])?;
                Ok((length, Some(buf)))
            }
        },
        |(length, buf)| {
            match buf {
                None => hash_zeros(&mut hasher, length),
                Some(buf) => {
                    hasher.update(&buf[..length as usize]);
                    idle.lock().expect("nobody panics with it").push(buf);
                }
            }
            Ok(())
        },
    )?;
    Ok(BaseDigest { offset: 0, length: size, digest: *hasher.finalize().as_bytes() })
}

/// A piece of a volume, in order.
enum Piece {
    /// So many bytes of zeros.
    Hole(u64),
    /// At most [`PIECE`] bytes to read.
    Data(Range),
}

struct Pieces<'a> {
    mapped: std::slice::Iter<'a, Range>,
    size: u64,
    place: u64,
    /// The mapped range that `place` is before or in.
    begin: u64,
    end: u64,
}

impl Pieces<'_> {
    fn next(&mut self) -> Option<Piece> {
        if self.place == self.end {
            // The next range that is mapped, or nothing of that kind at the end.
            let Range { offset, length } =
                self.mapped.next().copied().unwrap_or(Range { offset: self.size, length: 0 });
            self.begin = offset.clamp(self.end, self.size);
            self.end = offset.saturating_add(length).clamp(self.begin, self.size);
        }
        let offset = self.place;
        if offset < self.begin {
            let length = (self.begin - offset).min(HOLE);
            self.place += length;
            return Some(Piece::Hole(length));
        }
        let length = (self.end - offset).min(PIECE as u64);
        self.place += length;
        match length {
            0 if offset == self.size => None,
            0 => Some(Piece::Hole(0)), // an empty range
            _ => Some(Piece::Data(Range { offset, length })),
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
    Ok(BaseDigest { offset: range.offset, length: range.length, digest })
}

fn hash_zeros(hasher: &mut blake3::Hasher, mut length: u64) {
    static ZEROS: [u8; PIECE] = [0; PIECE];
    while length > 0 {
        let piece = length.min(ZEROS.len() as u64) as usize;
        hasher.update(&ZEROS[..piece]);
        length -= piece as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn holes_count_as_zeros_and_are_not_read() {
        let mut base = vec![0; 3_000_000];
        base[1_000_000..1_100_000].fill(5);
        let digest =
            |base: &Vec<u8>, mapped| digest_whole(base, 3_000_000, mapped, &|| Ok(())).unwrap();
        let whole = digest(&base, None);
        assert_eq!(whole.digest, *blake3::hash(&base).as_bytes());

        base[2_000_000] = 9; // stray data where the mapping says there is a hole
        let mapped = [
            Range { offset: 0, length: 1000 },
            Range { offset: 500_000, length: 0 },
            Range { offset: 1_000_000, length: 100_000 },
            Range { offset: 2_999_000, length: 5000 },
        ];
        assert_eq!(digest(&base, Some(&mapped)), whole);
        assert_ne!(digest(&base, None), whole);
    }

    #[test]
    fn holes_of_any_size_can_be_interrupted() {
        let asked = AtomicU64::new(0);
        let go_on = || match asked.fetch_add(1, Ordering::Relaxed) {
            0..3 => Ok(()),
            _ => Err(io::Error::other("interrupted")),
        };
        let error = digest_whole(&Vec::new(), 1 << 62, Some(&[]), &go_on).unwrap_err();
        assert_eq!(error.to_string(), "interrupted");
    }

    #[test]
    fn an_empty_volume_and_one_that_is_a_hole() {
        for size in [0_u64, 512, 200 << 20] {
            let found = digest_whole(&Vec::new(), size, Some(&[]), &|| Ok(())).unwrap();
            assert_eq!(found.digest, *blake3::hash(&vec![0; size as usize]).as_bytes());
        }
    }
}
