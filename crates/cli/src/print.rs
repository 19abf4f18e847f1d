//! [`print`]: what goes to standard output as text.

use std::fs::File;
use std::io::{self, StdoutLock, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;

use anyhow::Context;

/// Prints to standard output. What goes to a file is on stable storage afterwards.
///
/// # Errors
/// Where it cannot be written or synced.
pub fn print(write: impl FnOnce(&mut StdoutLock<'static>) -> io::Result<()>) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let printed = || {
        let file = File::from(out.as_fd().try_clone_to_owned()?);
        write(&mut out)?;
        out.flush()?;
        sync(&file)
    };
    printed().context("standard output")
}

/// Waits until what was written to a file or a block device is on stable storage: some tell of a write
/// that failed only then. A pipe or a terminal stores nothing.
///
/// It must come before anything that leads to the same open file is closed: on NFS that may take the
/// error away.
///
/// # Errors
/// That of a write.
pub fn sync(file: &File) -> io::Result<()> {
    let kind = file.metadata()?.file_type();
    if kind.is_file() || kind.is_block_device() { file.sync_all() } else { Ok(()) }
}
