//! [`print`]: what goes to standard output as text.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileTypeExt;

use anyhow::Context;

use crate::standard::{standard_output, standard_output_is_closed};

/// Prints to standard output. What goes to a file is on stable storage afterwards.
///
/// Not through `std::io::stdout`, for which a descriptor that cannot be written to is no error.
///
/// # Errors
/// Where it is closed, or cannot be written or synced.
pub fn print(write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> anyhow::Result<()> {
    let mut out = BufWriter::new(standard_output()?);
    let printed = || {
        write(&mut out)?;
        out.flush()?;
        sync(out.get_ref())
    };
    printed().context("standard output")
}

/// The same for a sentence that only repeats what the exit code says: where nobody can read it, because
/// standard output is closed, nothing is lost.
///
/// # Errors
/// Where it cannot be written or synced.
pub fn tell(write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> anyhow::Result<()> {
    if standard_output_is_closed()? { Ok(()) } else { print(write) }
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
