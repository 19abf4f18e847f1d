//! Extents → records.

use std::io::Write;

use anyhow::Context;
use baseproof::Range;
use blockio::{AlignedBuf, ReadAt, is_zero};
use cli::{Interrupt, Progress};
use hyperlayer::{Encoder, MAX_RECORD};
use thinmeta::ExtentKind;

use crate::changes::Changes;

/// Reads what changed, and writes it as records, in ascending order.
///
/// Zeros are told by the chunk, or by [`MAX_RECORD`] where chunks are larger than that.
pub(crate) fn write<W: Write>(
    encoder: &mut Encoder<W>,
    changes: &Changes,
    target: &impl ReadAt,
    interrupt: &Interrupt,
    progress: &Progress,
) -> anyhow::Result<()> {
    let unit = (changes.chunk_size as usize).min(MAX_RECORD);
    let mut piece = AlignedBuf::new(MAX_RECORD - MAX_RECORD % unit)?;
    for extent in &changes.extents {
        let Range { offset, length } = extent.range;
        if extent.kind == ExtentKind::Unmapped {
            encoder.discard(offset, length)?;
            continue;
        }
        let mut zeros = Range { offset, length: 0 };
        let mut done = 0;
        while done < length {
            interrupt.check()?;
            let place = offset + done;
            let read = (length - done).min(piece.len() as u64) as usize;
            let bytes = &mut piece[..read];
            target
                .read_at(place, bytes)
                .with_context(|| format!("reading {read} bytes of the volume at offset {place}"))?;
            write_piece(encoder, place, bytes, unit, &mut zeros)?;
            done += read as u64;
            progress.add(read as u64);
        }
        write_zeros(encoder, zeros)?;
    }
    Ok(())
}

/// Writes a piece's data; zeros at its end stay in `zeros`, for the next piece may begin with more.
fn write_piece<W: Write>(
    encoder: &mut Encoder<W>,
    offset: u64,
    bytes: &[u8],
    unit: usize,
    zeros: &mut Range,
) -> anyhow::Result<()> {
    // Where the run of data that has not been written yet begins.
    let mut data = 0;
    let mut place = 0;
    for chunk in bytes.chunks(unit) {
        if is_zero(chunk) {
            if data < place {
                encoder.data(offset + data as u64, &bytes[data..place])?;
            }
            if zeros.length == 0 {
                zeros.offset = offset + place as u64;
            }
            zeros.length += chunk.len() as u64;
            data = place + chunk.len();
        } else {
            write_zeros(encoder, std::mem::replace(zeros, Range { offset: 0, length: 0 }))?;
        }
        place += chunk.len();
    }
    if data < place {
        encoder.data(offset + data as u64, &bytes[data..place])?;
    }
    Ok(())
}

fn write_zeros<W: Write>(encoder: &mut Encoder<W>, zeros: Range) -> anyhow::Result<()> {
    if zeros.length > 0 {
        encoder.zero(zeros.offset, zeros.length)?;
    }
    Ok(())
}
