//! What ranges of a base hold, as CRC-32 (IEEE): the proof that HYPERLAYER/1.0 carries.

use std::io;

use baseproof::Range;
use blockio::{AlignedBuf, ReadAt, Width, in_order};
use flow::Interrupt;
use hyperlayer::BaseCrc;

/// How much is read at once, in bytes.
const PIECE: usize = 1 << 20;

/// Enough reads at once for a disk to have something to choose from.
const WIDTH: Width = Width { threads: 8, window: 16 };

/// The checksum of each range.
pub(crate) fn of_ranges(
    base: &(impl ReadAt + Sync),
    ranges: &[Range],
    interrupt: &Interrupt,
) -> io::Result<Vec<BaseCrc>> {
    let mut ranges = ranges.iter();
    let mut crcs = Vec::with_capacity(ranges.len());
    in_order(
        WIDTH,
        || io::Result::Ok(ranges.next()),
        |range| of_range(base, *range, interrupt),
        |crc| {
            crcs.push(crc);
            Ok(())
        },
    )?;
    Ok(crcs)
}

fn of_range(base: &impl ReadAt, range: Range, interrupt: &Interrupt) -> io::Result<BaseCrc> {
    let Range { offset, length } = range;
    let mut hasher = crc32fast::Hasher::new();
    let mut buf = AlignedBuf::new(PIECE.min(length as usize))?;
    let (mut place, end) = (offset, offset + length);
    while place < end {
        interrupt.check()?;
        let piece = (end - place).min(PIECE as u64);
        let buf = &mut buf[..piece as usize];
        base.read_at(place, buf)?;
        hasher.update(buf);
        place += piece;
    }
    Ok(BaseCrc { offset, length, crc: hasher.finalize() })
}
