//! [`Freezer`]: a file system that can be frozen.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::ioctl;

/// A mounted file system that can be frozen. Dropping it thaws nothing: whoever freezes must see to that, whatever
/// happens to this process.
#[derive(Debug)]
pub struct Freezer {
    root: File,
}

impl Freezer {
    /// The file system that is mounted there.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn open(mount_point: &Path) -> io::Result<Self> {
        Ok(Self { root: File::open(mount_point)? })
    }

    /// The number of its device, as `stat` has it.
    ///
    /// # Errors
    /// If it cannot be examined.
    pub fn device(&self) -> io::Result<u64> {
        use std::os::unix::fs::MetadataExt;
        Ok(self.root.metadata()?.dev())
    }

    /// Writes everything out, and keeps everybody from writing.
    ///
    /// # Errors
    /// If it is frozen already, cannot be frozen, or that is not allowed.
    pub fn freeze(&self) -> io::Result<()> {
        ioctl::freeze(&self.root)
    }

    /// Lets everybody go on.
    ///
    /// # Errors
    /// If it is not frozen, or that is not allowed.
    pub fn thaw(&self) -> io::Result<()> {
        ioctl::thaw(&self.root)
    }
}
