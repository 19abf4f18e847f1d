//! Zeros the old data that a fresh chunk shows in a pool that does not zero, before the chunk is written to.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use hyperlayer::Record;

use crate::chunks::Chunks;
use crate::ground::Ground;
use crate::writer::Writer;

/// The chunks that records write only in part.
pub(crate) struct Fresh {
    prepared: Chunks,
}

impl Fresh {
    /// None yet; if records `ascend`, earlier chunks need not be remembered.
    pub(crate) fn new(ascend: bool) -> Self {
        Self { prepared: Chunks::new(ascend) }
    }

    /// Called before part of a chunk is written. If the pool does not zero fresh chunks, and this one reads as
    /// zeros, it may be unmapped, and the rest of it would show old data. It is zeroed first, once, and in the
    /// order of records, so that nothing written is lost.
    pub(crate) fn prepare(&mut self, writer: &Writer<'_>, record: &Record<'_>) -> io::Result<()> {
        let Record::Data { offset, bytes } = record else {
            // Unmapped chunks are fresh again, if a later record comes back to them.
            self.prepared.forget();
            return Ok(());
        };
        if writer.ground.zeroes {
            return Ok(());
        }
        let (chunk_size, size) = (writer.ground.chunk_size, writer.storage.size());
        let end = offset + bytes.len() as u64;
        for chunk in [offset / chunk_size, (end - 1) / chunk_size] {
            let begin = chunk * chunk_size;
            let chunk_end = begin.saturating_add(chunk_size).min(size);
            let whole = *offset <= begin && chunk_end <= end;
            // A chunk written whole is mapped, which is noted in case records come in any order.
            if self.prepared.add(chunk, chunk + 1).0 == 0 || whole {
                continue;
            }
            if writer.reads_as_zeros(begin, chunk_end)? {
                writer.zero_out(begin, chunk_end)?;
            }
        }
        Ok(())
    }
}

/// The chunk in which the external origin ends.
pub(crate) struct Tail {
    /// Whether it shows no old data.
    is_zeroed: AtomicBool,
}

impl Tail {
    /// The tail of this ground.
    pub(crate) fn new(ground: &Ground) -> Self {
        Self { is_zeroed: AtomicBool::new(ground.unzeroed_tail().is_none()) }
    }

    /// Called before a write. In a pool that does not zero, once the chunk in which the external origin ends is
    /// mapped, the part after the origin's end would show old data, so it is zeroed first.
    pub(crate) fn zero(&self, writer: &Writer<'_>, begin: u64, end: u64) -> io::Result<()> {
        let Some(tail) = writer.ground.unzeroed_tail() else { return Ok(()) };
        let first = tail.end - writer.ground.chunk_size;
        let is_elsewhere = begin >= end || begin >= tail.end || end <= first;
        if is_elsewhere || self.is_zeroed.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let tail_end = tail.end.min(writer.storage.size());
        // If there is data, the chunk is mapped already.
        if tail.start < tail_end && writer.reads_as_zeros(tail.start, tail_end)? {
            writer.zero_out(tail.start, tail_end)?;
        }
        Ok(())
    }
}
