//! [`digest_held`] and [`verify_held`]: what a volume holds in ranges that may be long.

use std::io;

use blockio::{AlignedBuf, Range, ReadAt, Spare, Width, in_order};
use hyperlayer::Held;

use crate::verify::Error;

/// How much is read at once, in bytes.
const PIECE: usize = 1 << 20;

/// Enough reads at once for a disk to have something to choose from.
const WIDTH: Width = Width { threads: 8, window: 16 };

/// What the volume holds in each range. `go_on` is asked between pieces of at most 1 MiB.
///
/// # Errors
/// If the volume cannot be read, and the errors of `go_on`.
pub fn digest_held(
    volume: &(impl ReadAt + Sync),
    ranges: &[Range],
    go_on: &(dyn Fn() -> io::Result<()> + Sync),
) -> io::Result<Vec<Held>> {
    let (mut ranges, mut held) = (ranges.iter(), Vec::with_capacity(ranges.len()));
    let buffers = Spare::default();
    in_order(
        WIDTH,
        || io::Result::Ok(ranges.next()),
        |range| {
            let mut buf = buffers.take(|| AlignedBuf::new(PIECE))?;
            let digest = digest(volume, *range, &mut buf, go_on)?;
            buffers.give(buf);
            Ok(Held { offset: range.offset, length: range.length, digest })
        },
        |range| {
            held.push(range);
            Ok(())
        },
    )?;
    Ok(held)
}

/// Checks that the volume holds what is expected in each range; the first that differs is the error.
///
/// # Errors
/// [`Error::PartDiffers`] or [`Error::Io`].
pub fn verify_held(
    volume: &(impl ReadAt + Sync),
    expected: &[Held],
    go_on: &(dyn Fn() -> io::Result<()> + Sync),
) -> Result<(), Error> {
    let range = |held: &Held| Range { offset: held.offset, length: held.length };
    let ranges: Vec<_> = expected.iter().map(range).collect();
    let found = digest_held(volume, &ranges, go_on)?;
    let mut pairs = expected.iter().zip(&found);
    match pairs.find(|(expected, found)| expected != found) {
        None => Ok(()),
        Some((expected, found)) => Err(Error::PartDiffers {
            offset: expected.offset,
            length: expected.length,
            expected: expected.digest.into(),
            found: found.digest.into(),
        }),
    }
}

fn digest(
    volume: &impl ReadAt,
    range: Range,
    buf: &mut [u8],
    go_on: &dyn Fn() -> io::Result<()>,
) -> io::Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    let end = range.offset + range.length;
    let mut place = range.offset;
    while place < end {
        go_on()?;
        let piece = &mut buf[..(end - place).min(PIECE as u64) as usize];
        volume.read_at(place, piece)?;
        hasher.update(piece);
        place += piece.len() as u64;
    }
    Ok(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_digested_whole_however_long_it_is() {
        let volume: Vec<u8> = (0..3 * PIECE + 4096).map(|byte| (byte % 251) as u8).collect();
        let ranges =
            [Range { offset: 512, length: 512 }, Range { offset: 4096, length: 3 * PIECE as u64 }];
        let held = digest_held(&volume, &ranges, &|| Ok(())).unwrap();
        assert_eq!(held[0].digest, *blake3::hash(&volume[512..1024]).as_bytes());
        assert_eq!(held[1].digest, *blake3::hash(&volume[4096..4096 + 3 * PIECE]).as_bytes());
        verify_held(&volume, &held, &|| Ok(())).unwrap();
        let mut other = volume;
        other[2 * PIECE] ^= 1;
        let error = verify_held(&other, &held, &|| Ok(())).unwrap_err();
        assert!(error.is_mismatch() && error.to_string().contains("offset 4096"), "{error}");
    }
}
