//! What a base holds, as BLAKE3.

use std::io;

use blockio::{AlignedBuf, ReadAt};
use hyperlayer::BaseDigest;

use crate::Range;

/// How much is read at once, in bytes.
const PIECE: usize = 1 << 20;

/// The digest of each range.
///
/// # Errors
/// Where the base cannot be read.
pub fn digest_ranges(base: &impl ReadAt, ranges: &[Range]) -> io::Result<Vec<BaseDigest>> {
    let mut piece = AlignedBuf::new(PIECE)?;
    ranges.iter().map(|&range| digest_range(base, range, &mut piece)).collect()
}

/// The digest of all of a base of `size` bytes, at detect level 3.
///
/// `mapped` are the ranges that are mapped, in ascending order; what lies between them is taken
/// as zeros, unread. `None` reads everything.
///
/// # Errors
/// Where the base cannot be read.
pub fn digest_whole(
    base: &impl ReadAt,
    size: u64,
    mapped: Option<&[Range]>,
) -> io::Result<BaseDigest> {
    let everything = [Range { offset: 0, length: size }];
    let mut hasher = blake3::Hasher::new();
    let mut piece = AlignedBuf::new(PIECE)?;
    let mut end = 0;
    for range in mapped.unwrap_or(&everything) {
        let begin = range.offset.clamp(end, size);
        hash_zeros(&mut hasher, begin - end);
        end = range.offset.saturating_add(range.length).clamp(begin, size);
        hash_range(&mut hasher, base, Range { offset: begin, length: end - begin }, &mut piece)?;
    }
    hash_zeros(&mut hasher, size - end);
    Ok(BaseDigest { offset: 0, length: size, digest: *hasher.finalize().as_bytes() })
}

pub(crate) fn digest_range(
    base: &impl ReadAt,
    range: Range,
    piece: &mut AlignedBuf,
) -> io::Result<BaseDigest> {
    let mut hasher = blake3::Hasher::new();
    hash_range(&mut hasher, base, range, piece)?;
    let digest = *hasher.finalize().as_bytes();
    Ok(BaseDigest { offset: range.offset, length: range.length, digest })
}

fn hash_range(
    hasher: &mut blake3::Hasher,
    base: &impl ReadAt,
    range: Range,
    piece: &mut AlignedBuf,
) -> io::Result<()> {
    let mut done = 0;
    while done < range.length {
        let length = (range.length - done).min(piece.len() as u64) as usize;
        base.read_at(range.offset + done, &mut piece[..length])?;
        hasher.update(&piece[..length]);
        done += length as u64;
    }
    Ok(())
}

fn hash_zeros(hasher: &mut blake3::Hasher, mut length: u64) {
    static ZEROS: [u8; 65536] = [0; 65536];
    while length > 0 {
        let piece = length.min(ZEROS.len() as u64) as usize;
        hasher.update(&ZEROS[..piece]);
        length -= piece as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_count_as_zeros_and_are_not_read() {
        let mut base = vec![0; 3_000_000];
        base[1_000_000..1_100_000].fill(5);
        let whole = digest_whole(&base, 3_000_000, None).unwrap();
        assert_eq!(whole.digest, *blake3::hash(&base).as_bytes());

        base[2_000_000] = 9; // stray data where the mapping says there is a hole
        let mapped = [
            Range { offset: 0, length: 1000 },
            Range { offset: 1_000_000, length: 100_000 },
            Range { offset: 2_999_000, length: 5000 },
        ];
        assert_eq!(digest_whole(&base, 3_000_000, Some(&mapped)).unwrap(), whole);
        assert_ne!(digest_whole(&base, 3_000_000, None).unwrap(), whole);
    }
}
