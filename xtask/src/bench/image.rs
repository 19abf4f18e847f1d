//! [`Image`]: a pool's metadata in a file.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

/// The thin id of the volume that the others are snapshots of.
pub(crate) const ORIGIN: u32 = 1;

/// A pool's metadata in a file, and the program that reads it.
pub(crate) struct Image {
    path: String,
    lvdiff: String,
    size: u64,
}

impl Image {
    /// Writes it, in place of the one before.
    pub(crate) fn write(folder: &Path, programs: &Path, bytes: &[u8]) -> Result<Self> {
        let text = |path: &Path| {
            path.to_str().map(str::to_owned).context("the target folder's name is not UTF-8")
        };
        let path = folder.join("image");
        fs::write(&path, bytes).context("the image")?;
        // What is still to be written would slow down the first runs, and stay in the page cache.
        File::open(&path)?.sync_all()?;
        let lvdiff = text(&programs.join("lvdiff"))?;
        Ok(Self { path: text(&path)?, lvdiff, size: bytes.len() as u64 })
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn lvdiff(&self) -> &str {
        &self.lvdiff
    }

    /// In bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Lets the kernel forget what it has of the file.
    pub(crate) fn forget(&self) -> Result<()> {
        let file = File::open(&self.path)?;
        posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED).context("the image")
    }
}
