//! [`AlignedBuf`]: memory that `O_DIRECT` accepts.

use std::io;
use std::ops::{Deref, DerefMut};

/// The alignment, in bytes, of memory that every device accepts, and of offsets and lengths that all
/// accept but those with sectors larger than that.
pub const ALIGNMENT: usize = 4096;

/// A buffer of a fixed length that begins on a page boundary, filled with zeros at first.
pub struct AlignedBuf {
    map: memmap2::MmapMut,
}

impl AlignedBuf {
    /// A buffer of `length` bytes; `length` must not be 0.
    ///
    /// # Errors
    /// Where the system has no memory left for it.
    pub fn new(length: usize) -> io::Result<Self> {
        Ok(Self { map: memmap2::MmapMut::map_anon(length)? })
    }
}

impl Deref for AlignedBuf {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.map
    }
}

impl DerefMut for AlignedBuf {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.map
    }
}

/// Whether a device with sectors of this many bytes takes this as it is.
pub(crate) fn is_aligned(offset: u64, buf: &[u8], sector: u64) -> bool {
    offset.is_multiple_of(sector)
        && (buf.len() as u64).is_multiple_of(sector)
        && buf.as_ptr().addr().is_multiple_of(ALIGNMENT)
}
