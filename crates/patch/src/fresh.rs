//! What a fresh chunk shows of old data, where the pool does not zero, becomes zeros before the chunk is
//! written to.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use hyperlayer::Record;

use crate::chunks::Chunks;
use crate::ground::Ground;
use crate::writer::Writer;

/// The chunks that records write only a part of.
pub(crate) struct Fresh {
    prepared: Chunks,
}

impl Fresh {
    /// None yet; of records that ascend, what lies before need not be known.
    pub(crate) fn new(ascend: bool) -> Self {
        Self { prepared: Chunks::new(ascend) }
    }

    /// Before a part of a chunk is written: where the pool does not zero fresh chunks, and this
    /// one reads as zeros, it may be unmapped, and the rest of it would show old data. It is
    /// zeroed first, once, and in the order of records, so that nothing written is lost by that.
    pub(crate) fn prepare(&mut self, writer: &Writer<'_>, record: &Record<'_>) -> io::Result<()> {
        let Record::Data { offset, bytes } = record else {
            // What is unmapped is fresh again, if a later record comes back to it.
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
            // What was written whole is mapped; where records come in any order, it is noted.
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
    /// It shows no old data, where it would.
    is_zeroed: AtomicBool,
}

impl Tail {
    /// That of the ground.
    pub(crate) fn new(ground: &Ground) -> Self {
        Self { is_zeroed: AtomicBool::new(ground.unzeroed_tail().is_none()) }
    }

    /// Before anything is written to the chunk in which the external origin ends, where the pool does
    /// not zero: once the chunk is mapped, what follows the origin's end in it would show old data.
    pub(crate) fn zero(&self, writer: &Writer<'_>, begin: u64, end: u64) -> io::Result<()> {
        let Some(tail) = writer.ground.unzeroed_tail() else { return Ok(()) };
        let first = tail.end - writer.ground.chunk_size;
        let is_elsewhere = begin >= end || begin >= tail.end || end <= first;
        if is_elsewhere || self.is_zeroed.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let tail_end = tail.end.min(writer.storage.size());
        // Where there is data, the chunk is mapped already.
        if tail.start < tail_end && writer.reads_as_zeros(tail.start, tail_end)? {
            writer.zero_out(tail.start, tail_end)?;
        }
        Ok(())
    }
}
