//! [`Error`]: what can go wrong between this program, LVM and the kernel.

use std::io;
use std::path::PathBuf;

/// Why something could not be learnt from LVM or the kernel, or done by them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Only root may ask this of the kernel.
    #[error("{0} needs root: run this as root, or with sudo")]
    NeedsRoot(String),

    /// A file or device node could not be used.
    #[error("{0}")]
    Io(String, #[source] io::Error),

    /// An LVM command could not be started: it has done nothing.
    #[error("{} could not be started{}", .0, why_not_started(.1))]
    NotStarted(String, #[source] io::Error),

    /// An LVM command failed.
    #[error("`{command}` failed: {message}")]
    Command {
        /// The command line.
        command: String,
        /// What it wrote to stderr.
        message: String,
    },

    /// A device-mapper ioctl failed.
    #[error("device-mapper cannot {action} {device}")]
    Dm {
        /// What was asked for.
        action: &'static str,
        /// Of which device.
        device: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },

    /// LVM or the kernel answered something that is not understood.
    #[error("{what} cannot be parsed: {found:?}")]
    Parse {
        /// What was parsed.
        what: &'static str,
        /// The text.
        found: String,
    },

    /// A name that the user gave is wrong in itself.
    #[error("{0}")]
    Name(String),

    /// There is no such volume, or more than one.
    #[error("{0}")]
    NotFound(String),

    /// The volume or its pool is not in a state in which this can be done.
    #[error("{0}")]
    State(String),

    /// LVM has too little space for it.
    #[error("{0}")]
    NoSpace(String),

    /// The pool's only metadata snapshot belongs to somebody else.
    #[error(
        "the metadata snapshot of pool {pool} is held by another program (at metadata block \
         {root}); check what uses it (thin_dump -m, thin_delta -m, another backup program), or \
         see `dmsetup status {pool}`"
    )]
    MetadataSnapshotHeld {
        /// The pool's device-mapper name.
        pool: String,
        /// The block of the copied superblock.
        root: u64,
    },

    /// Waiting for another run of ours was given up.
    #[error("interrupted while waiting for {}", .0.display())]
    WaitGivenUp(PathBuf),
}

fn why_not_started(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "; it is part of LVM2 (Debian's package lvm2)",
        io::ErrorKind::WouldBlock => {
            ": the limit of processes is reached (systemd's TasksMax=, a container's pids.max, \
             `ulimit -u`)"
        }
        _ => "",
    }
}

pub(crate) type Result<T> = std::result::Result<T, Error>;
