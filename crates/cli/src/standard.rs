//! Standard input and output, where they were closed when the program started.
//!
//! Before `main`, Rust's runtime opens /dev/null in place of each that is closed: for reading and
//! writing, and each by a call of its own. A shell opens it for one of the two, so that tells them
//! apart, and what a daemon has in common on several descriptors is known by its flags. What is left
//! is a program that gives /dev/null for both as standard output alone: it is taken for closed.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use anyhow::Context;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::makedev;

/// Whether a path of the command line stands for standard input or output: `-`. A file of that name
/// is `./-`.
pub fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Standard output, to write to.
///
/// # Errors
/// Where it was closed when the program started.
pub fn standard_output() -> anyhow::Result<File> {
    let out = io::stdout();
    if standard_output_is_closed()? {
        anyhow::bail!(
            "standard output is closed, and what is written there would be lost: redirect it, to \
             /dev/null if it is not wanted (`> /dev/null`)"
        );
    }
    Ok(out.as_fd().try_clone_to_owned().context(OUTPUT)?.into())
}

/// Whether standard output was closed when the program started, or cannot be told from that.
pub(crate) fn standard_output_is_closed() -> anyhow::Result<bool> {
    was_closed(io::stdout().as_fd(), &[io::stdin().as_fd(), io::stderr().as_fd()]).context(OUTPUT)
}

/// Standard input, to read from; `None` where it was closed when the program started.
///
/// # Errors
/// Where the system has no descriptor left for it.
pub fn standard_input() -> io::Result<Option<File>> {
    let input = io::stdin();
    if was_closed(input.as_fd(), &[io::stdout().as_fd(), io::stderr().as_fd()])? {
        return Ok(None);
    }
    Ok(Some(input.as_fd().try_clone_to_owned()?.into()))
}

const OUTPUT: &str = "standard output";

/// Whether the runtime opened it.
fn was_closed(file: BorrowedFd<'_>, others: &[BorrowedFd<'_>]) -> io::Result<bool> {
    if !is_null(file)? || flags(file)? & OFlag::O_ACCMODE != OFlag::O_RDWR {
        return Ok(false);
    }
    for other in others {
        if is_null(*other)? && share(file, *other)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_null(file: BorrowedFd<'_>) -> io::Result<bool> {
    let metadata = File::from(file.try_clone_to_owned()?).metadata()?;
    Ok(metadata.file_type().is_char_device() && metadata.rdev() == makedev(1, 3))
}

/// Whether two descriptors came from one call: then what is set by one is seen by the other. To
/// /dev/null a flag makes no difference.
fn share(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> io::Result<bool> {
    let before = flags(one)?;
    if before.contains(OFlag::O_APPEND) || flags(other)?.contains(OFlag::O_APPEND) {
        return Ok(true); // the runtime opens none like that
    }
    fcntl(one, FcntlArg::F_SETFL(before | OFlag::O_APPEND))?;
    let seen = flags(other);
    fcntl(one, FcntlArg::F_SETFL(before))?;
    Ok(seen?.contains(OFlag::O_APPEND))
}

fn flags(file: BorrowedFd<'_>) -> io::Result<OFlag> {
    Ok(OFlag::from_bits_retain(fcntl(file, FcntlArg::F_GETFL)?))
}
