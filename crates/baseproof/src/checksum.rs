//! What ranges of a base hold, as CRC-32 (IEEE): the proof that other tools' streams carry.

use std::io;

use blockio::{AlignedBuf, Range, ReadAt, Width, in_order};
use hyperlayer::BaseChecksum;

/// How much is read at once, in bytes.
const PIECE: usize = 1 << 20;

/// Enough reads at once for a disk to have something to choose from.
const WIDTH: Width = Width { threads: 8, window: 16 };

/// The checksum of each range. `go_on` is asked between pieces of at most 1 MiB.
///
/// # Errors
/// Where the base cannot be read, or that of `go_on`.
pub fn checksum_ranges(
    base: &(impl ReadAt + Sync),
    ranges: &[Range],
    go_on: &(dyn Fn() -> io::Result<()> + Sync),
) -> io::Result<Vec<BaseChecksum>> {
    let mut ranges = ranges.iter();
    let mut checksums = Vec::with_capacity(ranges.len());
    in_order(
        WIDTH,
        || io::Result::Ok(ranges.next()),
        |&range| {
            let Range { offset, length } = range;
            let mut buf = AlignedBuf::new(PIECE.min(length as usize))?;
            let crc32 = crc32(base, range, &mut buf, go_on)?;
            io::Result::Ok(BaseChecksum { offset, length, crc32 })
        },
        |checksum| {
            checksums.push(checksum);
            Ok(())
        },
    )?;
    Ok(checksums)
}

/// The CRC-32 of one range, read through `buf`.
pub(crate) fn crc32(
    base: &impl ReadAt,
    range: Range,
    buf: &mut [u8],
    go_on: &dyn Fn() -> io::Result<()>,
) -> io::Result<u32> {
    let Range { offset, length } = range;
    let mut hasher = crc32fast::Hasher::new();
    let mut done = 0;
    while done < length {
        go_on()?;
        let most = buf.len() as u64;
        let piece = &mut buf[..(length - done).min(most) as usize];
        base.read_at(offset.saturating_add(done), piece)?;
        hasher.update(piece);
        done += piece.len() as u64;
    }
    Ok(hasher.finalize())
}
