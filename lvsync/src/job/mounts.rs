//! [`freezer`]: the file system that is mounted from a volume.

use std::fs::metadata;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use blockio::Freezer;
use flow::{Refusal, escaped};
use nix::sys::stat::{major, minor};

/// LVM, this program and shells write there: if that were frozen, nobody could thaw it.
const NEEDED: [&str; 9] =
    ["/", "/etc", "/etc/lvm", "/run", "/run/lock", "/tmp", "/var", "/var/lib", "/usr"];

/// The file system that is mounted from this volume, `vg/lv`; none if none is.
pub(super) fn freezer(volume: &str) -> anyhow::Result<Option<Freezer>> {
    let path = Path::new("/dev").join(volume);
    let device = metadata(&path).with_context(|| path.display().to_string())?.rdev();
    let table = std::fs::read("/proc/self/mountinfo").context("/proc/self/mountinfo")?;
    let is_needed = NEEDED.iter().any(|path| metadata(path).is_ok_and(|it| it.dev() == device));
    if is_needed {
        return Err(Refusal::unfit(format!(
            "{volume} has a file system of this system itself mounted: it cannot be frozen while snapshots are taken"
        ))
        .into());
    }
    let points = mount_points(&table, &format!("{}:{}", major(device), minor(device)));
    for point in &points {
        let about = || escaped(&point.display().to_string());
        let freezer = Freezer::open(point).with_context(about)?;
        // Another file system can be mounted over it.
        if freezer.device().with_context(about)? == device {
            return Ok(Some(freezer));
        }
    }
    match points.is_empty() {
        true => Ok(None),
        false => {
            Err(Refusal::unfit(format!("the mount points of {volume} are all covered by others"))
                .into())
        }
    }
}

/// Where the file system of the device with this number is mounted, as /proc/self/mountinfo has it.
fn mount_points(table: &[u8], number: &str) -> Vec<PathBuf> {
    let point = |line: &[u8]| {
        let mut fields = line.split(|byte| *byte == b' ').skip(2);
        let is_it = fields.next()? == number.as_bytes();
        let point = fields.nth(1)?;
        is_it.then(|| PathBuf::from(std::ffi::OsString::from_vec(unescaped(point))))
    };
    table.split(|byte| *byte == b'\n').filter_map(point).collect()
}

/// Spaces and the like are there as three octal digits.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| *byte == b'\\');
        let octal = octal.and_then(|octal| std::str::from_utf8(octal).ok());
        match octal.and_then(|octal| u8::from_str_radix(octal, 8).ok()) {
            Some(decoded) => {
                found.push(decoded);
                rest = &after[3..];
            }
            None => {
                found.push(*byte);
                rest = after;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_point_is_found_by_the_devices_number() {
        let table = b"21 1 254:1 / / rw - ext4 /dev/a rw\n\
            30 21 254:12 / /srv/a\\040b\\134 rw shared:1 - ext4 /dev/b rw\n\
            31 21 254:12 /x /srv/c rw - ext4 /dev/b rw\n\
            32 21 0:5 / /proc rw - proc proc rw\n\n32\n";
        let points = |number| mount_points(table, number);
        assert_eq!(points("254:12"), [PathBuf::from("/srv/a b\\"), PathBuf::from("/srv/c")]);
        assert_eq!(points("254:2"), Vec::<PathBuf>::new());
    }
}
