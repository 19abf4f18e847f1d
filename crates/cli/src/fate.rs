//! [`Fate`]: what is left of a stream that could not be written to its end.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use flow::{Unwritten, is_interruption};
use nix::errno::Errno;

use crate::sink::Sink;

/// What becomes of a stream's place if the stream cannot be written to its end.
pub(crate) struct Fate {
    /// In words.
    left: String,
    /// The number of the device that its file system is on; `None` if it is not a file.
    file_system: Option<u64>,
}

impl Fate {
    /// Looked up before anything is written. `path`: `None` for standard output.
    pub(crate) fn of(path: Option<&Path>, sink: &Sink) -> Self {
        let (left, file) = match (path, sink) {
            (Some(path), Sink::Aside { file, path: place }) => {
                let left = match place.exists() {
                    true => format!("{} is as it was", path.display()),
                    false => format!("{} was not made", path.display()),
                };
                (left, file.file())
            }
            (_, Sink::Aside { file, .. }) => ("the stream is incomplete".into(), file.file()),
            (_, Sink::Open(file)) => ("the stream is incomplete".into(), file),
        };
        let metadata = file.metadata().ok().filter(std::fs::Metadata::is_file);
        Self { left, file_system: metadata.map(|metadata| metadata.dev()) }
    }

    /// Adds it to an error of writing, or to that of a signal.
    pub(crate) fn explain(self, error: anyhow::Error) -> anyhow::Error {
        let Self { left, file_system } = self;
        let Some(unwritten) = unwritten(&error) else {
            return if is_interruption(&error) { error.context(left) } else { error };
        };
        let number = unwritten.error.raw_os_error().map(Errno::from_raw);
        let place = || {
            let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
            let mount = file_system.and_then(|device| mount_point(&mounts, device));
            mount.map_or("the file system".into(), |mount| format!("the file system at {mount}"))
        };
        let why = match number {
            Some(Errno::ENOSPC) if file_system.is_some() => format!("{} is full", place()),
            Some(Errno::EDQUOT) => format!("the quota of {} is used up", place()),
            Some(Errno::EPIPE) => "the program that reads it ended early".into(),
            _ => return error.context(left),
        };
        error.context(format!("{left}: {why}"))
    }
}

fn unwritten(error: &anyhow::Error) -> Option<&Unwritten> {
    error.chain().find_map(|cause| {
        let inner = cause.downcast_ref::<io::Error>()?.get_ref()?;
        inner.downcast_ref::<Unwritten>()
    })
}

/// Where a file system is mounted: the first place that shows all of it, or else any (proc_pid_mountinfo(5)).
fn mount_point(mounts: &str, device: u64) -> Option<String> {
    let number = format!("{}:{}", nix::sys::stat::major(device), nix::sys::stat::minor(device));
    let mut found = None;
    for line in mounts.lines() {
        let mut fields = line.split(' ').skip(2);
        let (on, root, place) = (fields.next(), fields.next(), fields.next());
        if on != Some(&number) {
            continue;
        }
        if root == Some("/") {
            return place.map(unescaped);
        }
        found = found.or(place.map(unescaped));
    }
    found
}

/// A field of mountinfo: spaces and the like are three octal digits there.
fn unescaped(field: &str) -> String {
    field.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use anyhow::Context;
    use flow::error_text;

    use super::*;

    fn failed(number: Errno, written: u64) -> anyhow::Error {
        let error = io::Error::from(number);
        let error = io::Error::new(error.kind(), Unwritten { written, error });
        Err::<(), _>(error).context("writing x").unwrap_err()
    }

    #[test]
    fn an_error_says_what_is_left_and_why() {
        let text = |number, device: Option<u64>| {
            let fate = Fate { left: "x was not made".into(), file_system: device };
            error_text(&fate.explain(failed(number, 4096)))
        };
        // No file system is on this device.
        assert_eq!(
            text(Errno::ENOSPC, Some(u64::MAX)),
            "x was not made: the file system is full: writing x: after 4.0 KiB: No space left on device"
        );
        assert_eq!(
            text(Errno::ENOSPC, None),
            "x was not made: writing x: after 4.0 KiB: No space left on device"
        );
        assert_eq!(
            text(Errno::EPIPE, None),
            "x was not made: the program that reads it ended early: writing x: after 4.0 KiB: Broken pipe"
        );
        let other = Fate { left: "x".into(), file_system: None };
        assert_eq!(other.explain(anyhow::anyhow!("no base")).to_string(), "no base");
    }

    #[test]
    fn a_signal_leaves_an_incomplete_stream() {
        let interrupt = flow::Interrupt::default();
        interrupt.signal().store(2, std::sync::atomic::Ordering::Relaxed);
        let fate = Fate { left: "the stream is incomplete".into(), file_system: None };
        let error = fate.explain(interrupt.check().unwrap_err().into());
        assert_eq!(error_text(&error), "the stream is incomplete: interrupted by SIGINT");
    }

    #[test]
    fn a_mount_is_found_by_its_device() {
        let mounts = "\
            22 1 8:1 / / rw - ext4 /dev/a rw\n\
            30 22 8:2 /sub /home rw - btrfs /dev/b rw\n\
            31 22 8:3 /in /part rw - ext4 /dev/c rw\n\
            32 22 8:3 / /mnt/my\\040disk rw - ext4 /dev/c rw\n";
        let at = |minor| mount_point(mounts, nix::sys::stat::makedev(8, minor));
        assert_eq!(at(1).as_deref(), Some("/"));
        assert_eq!(at(2).as_deref(), Some("/home"));
        assert_eq!(at(3).as_deref(), Some("/mnt/my disk"));
        assert_eq!(at(4), None);
    }
}
