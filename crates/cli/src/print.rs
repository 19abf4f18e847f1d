//! [`print`]: text output on standard output.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileTypeExt;

use anyhow::Context;

use crate::standard::{standard_output, standard_output_is_closed};

/// The reader of what is printed went away before its end: `head` does, when it has enough. The exit code says so, and
/// no message does.
#[derive(Debug, thiserror::Error)]
#[error("standard output: its reader went away")]
pub(crate) struct ReaderLeft;

/// Prints to standard output. If that is a file, the text is on stable storage afterwards.
///
/// Not through `std::io::stdout`, which does not report a descriptor that cannot be written to.
///
/// # Errors
/// If it is closed, or cannot be written or synced. If its reader went away, [`crate::run`] says nothing about it.
pub fn print(write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> anyhow::Result<()> {
    let mut out = BufWriter::new(standard_output()?);
    let printed = || {
        write(&mut out)?;
        out.flush()?;
        sync(out.get_ref())
    };
    match printed() {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(ReaderLeft.into()),
        done => done.context("standard output"),
    }
}

/// The same for a sentence that only repeats what the exit code says: where nobody can read it, because
/// standard output is closed, nothing is lost.
///
/// # Errors
/// Where it cannot be written or synced.
pub fn tell(write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> anyhow::Result<()> {
    if standard_output_is_closed()? { Ok(()) } else { print(write) }
}

/// Waits until data written to a file or a block device is on stable storage: some report a failed
/// write only then. A pipe or a terminal stores nothing.
///
/// Must be called before any descriptor of the same open file is closed: on NFS, closing may consume the
/// error.
///
/// # Errors
/// If a write failed.
pub fn sync(file: &File) -> io::Result<()> {
    let kind = file.metadata()?.file_type();
    if kind.is_file() || kind.is_block_device() { file.sync_all() } else { Ok(()) }
}
