//! [`Image`]: a regular file mapped into memory.
#![allow(unsafe_code)] // the one module that maps files

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;

use crate::ReadAt;

/// A regular file, mapped read-only.
///
/// For images only. A mapping of a live metadata device shows stale blocks: the kernel writes that
/// device behind the page cache. [`Image::open`] refuses anything but a regular file.
pub struct Image {
    map: memmap2::Mmap,
}

impl Image {
    /// Maps the file at `path`.
    ///
    /// # Errors
    /// Where it cannot be opened or mapped, or is not a regular file.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        // SAFETY: the map is only read, and only through byte slices, for which any content is
        // valid. Nothing here shortens the file; a file that another process shortens while it is
        // read ends this process with SIGBUS, which leaves nothing behind.
        let map = unsafe { memmap2::Mmap::map(&file)? };
        Ok(Self { map })
    }
}

impl Deref for Image {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.map
    }
}

impl ReadAt for Image {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        (**self).read_at(offset, buf)
    }
}
