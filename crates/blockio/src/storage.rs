//! [`Storage`]: whatever is written to.

use std::io;

use crate::{Device, ReadAt};

/// Somewhere that bytes are written to at an offset: a block device, an image, memory. All offsets and
/// lengths are in bytes, and may lie anywhere. Several threads may write at once, as long as their ranges are
/// disjoint.
///
/// A new place to write is an `impl Storage`: what writes knows nothing else of it.
///
/// # Errors
/// Of all that takes a range: where that lies past the end, or what is beneath fails.
pub trait Storage: ReadAt + Sync {
    /// The size in bytes.
    fn size(&self) -> u64;

    /// Writes `bytes` at `offset`.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes a range read as zeros, which may allocate it.
    fn zero_out(&self, offset: u64, length: u64) -> io::Result<()>;

    /// Asks for a range to be unmapped. Ok proves nothing: what the range reads as afterwards must be looked
    /// at. Storage that cannot do it at all says Ok too.
    fn discard(&self, offset: u64, length: u64) -> io::Result<()>;

    /// Frees a range where that reads as zeros for good from then on; elsewhere nothing happens.
    fn punch(&self, offset: u64, length: u64) -> io::Result<()>;

    /// Begins to bring what was written in a range to stable storage, so that a later [`Storage::sync`] finds
    /// less to wait for. Proves nothing: whatever fails here, `sync` says it.
    fn begin_sync(&self, _offset: u64, _length: u64) {}

    /// Waits until everything written is on stable storage.
    fn sync(&self) -> io::Result<()>;
}

impl Storage for Device {
    fn size(&self) -> u64 {
        self.size()
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_at(offset, bytes)
    }

    fn zero_out(&self, offset: u64, length: u64) -> io::Result<()> {
        self.zero_out(offset, length)
    }

    fn discard(&self, offset: u64, length: u64) -> io::Result<()> {
        self.discard(offset, length)
    }

    fn punch(&self, offset: u64, length: u64) -> io::Result<()> {
        self.punch(offset, length)
    }

    fn begin_sync(&self, offset: u64, length: u64) {
        self.begin_sync(offset, length);
    }

    fn sync(&self) -> io::Result<()> {
        self.sync()
    }
}
