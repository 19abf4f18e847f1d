//! [`readings`]: how often runs of ours have a device open to read it.
//!
//! The kernel counts how often a device is open, and does not say by whom. Who only reads it writes
//! nothing, so these are taken off. Only runs of our programs are looked for: what they have open they
//! share with nobody, so each descriptor is one that the kernel has counted. Of other programs that
//! cannot be known, and a device that they have open counts as one that they may write to.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::DeviceNumber;

const PROGRAMS: [&str; 3] = ["lvdiff", "lvpatch", "lvsync"];

/// How often this run and others of ours have the device open for reading only. A process that may not
/// be looked at, or is in another PID namespace, is not counted.
pub(crate) fn readings(number: DeviceNumber) -> usize {
    let Ok(processes) = fs::read_dir("/proc") else { return 0 };
    let processes = processes.filter_map(|process| {
        let process = process.ok()?;
        process.file_name().to_str()?.parse::<u32>().ok()?;
        Some(process.path())
    });
    processes.filter(|process| is_run(process)).map(|process| of_process(&process, number)).sum()
}

/// Whether a process is a run of one of our programs. A child that has not become another program yet
/// shares what its parent has open, so it is none.
fn is_run(process: &Path) -> bool {
    is_ours(process) && parent(process).is_none_or(|parent| !is_ours(&parent))
}

fn is_ours(process: &Path) -> bool {
    let Ok(program) = fs::read_link(process.join("exe")) else { return false };
    let name = program.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    // What the kernel adds once the file is gone, after an upgrade for one.
    PROGRAMS.contains(&name.strip_suffix(" (deleted)").unwrap_or(name))
}

/// proc_pid_status(5), PPid.
fn parent(process: &Path) -> Option<PathBuf> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    Some(Path::new("/proc").join(parent.trim()))
}

fn of_process(process: &Path, number: DeviceNumber) -> usize {
    let Ok(descriptors) = fs::read_dir(process.join("fd")) else { return 0 };
    let names = descriptors.filter_map(|entry| Some(entry.ok()?.file_name()));
    let reads = names.filter(|name| {
        let info = fs::read_to_string(process.join("fdinfo").join(name)).unwrap_or_default();
        is_for_reading(&info) && leads_to(&process.join("fd").join(name), number)
    });
    reads.count()
}

fn leads_to(descriptor: &Path, number: DeviceNumber) -> bool {
    // A file on a server that is gone would keep us waiting: only nodes are asked what they are.
    let is_node = fs::read_link(descriptor).is_ok_and(|path| path.starts_with("/dev"));
    is_node
        && fs::metadata(descriptor).is_ok_and(|metadata| {
            metadata.file_type().is_block_device()
                && DeviceNumber::from_rdev(metadata.rdev()) == number
        })
}

/// Whether a descriptor can only be read from: its flags are octal (proc_pid_fdinfo(5)), and their
/// lowest two bits are 0 then.
fn is_for_reading(fdinfo: &str) -> bool {
    let flags = fdinfo.lines().find_map(|line| line.strip_prefix("flags:"));
    flags
        .and_then(|flags| u64::from_str_radix(flags.trim(), 8).ok())
        .is_some_and(|flags| flags & 3 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flags_of_a_descriptor_are_octal() {
        let info = |flags: &str| format!("pos:\t0\nflags:\t{flags}\nmnt_id:\t29\nino:\t5\n");
        for (flags, reads) in [
            ("02100000", true),
            ("02140000", true),
            ("02100001", false),
            ("02100002", false),
            ("", false),
            ("8", false),
        ] {
            assert_eq!(is_for_reading(&info(flags)), reads, "{flags}");
        }
        assert!(!is_for_reading(""));
    }

    #[test]
    fn other_programs_are_not_looked_at() {
        assert!(!is_ours(Path::new("/proc/self")), "a test is none of ours");
        assert!(!is_ours(Path::new("/proc/none")));
        assert!(parent(Path::new("/proc/self")).is_some_and(|parent| parent.is_dir()));
    }
}
