//! [`WriteWatch`]: whether somebody writes to a device in the meantime.

use std::fs::{File, read_to_string};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::device_use::is_mounted_writable;
use crate::{DeviceNumber, DeviceStatus};

/// Tells whether a device is written to, from the kernel's statistics.
///
/// The kernel counts what each block device has written. `queue/iostats` switches that off: Linux 6.12
/// obeys it for device-mapper's devices, and then every write is invisible. Linux 6.1 says 0 there and
/// counts all the same (both seen; dm.c asks the flag since the middle of 2023). Which kernel this is
/// shows when something is read while the flag is 0: either that is counted, or nothing is.
///
/// Somebody may also switch it off and on again. The flag's file is kept open, so that its time of
/// change stays: a shell's `echo 0 >` truncates the file first, and that sets the time. What sets the
/// flag without truncating, twice, leaves no trace.
#[derive(Debug)]
pub struct WriteWatch {
    number: DeviceNumber,
    flag: Option<Flag>,
    begun: Option<WriteCount>,
    read_only: bool,
}

/// What a [`WriteWatch`] saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// Nothing was written.
    Nothing,
    /// Somebody wrote or discarded something. A flush, as fsync(2) of any reader asks for it, is
    /// nothing.
    Something,
    /// The kernel did not count, at least for a time.
    NotCounted,
}

impl WriteWatch {
    /// Begins to watch. `read` reads something of the device, past the page cache; whether it succeeds
    /// does not matter.
    #[must_use]
    pub fn begin(device: &DeviceStatus, read: &dyn Fn()) -> Self {
        let number = device.number;
        let flag = Flag::open(number, read);
        let begun = WriteCount::of(number);
        Self { number, flag, begun, read_only: cannot_be_written(number) }
    }

    /// What was written since it began; `read` as there. A request counts when it is finished: what is
    /// under way is not in it.
    #[must_use]
    pub fn seen(&self, read: &dyn Fn()) -> Writes {
        let now = WriteCount::of(self.number);
        match (self.begun, now) {
            (Some(begun), Some(now)) if begun != now => Writes::Something,
            (Some(_), Some(_)) if self.flag.as_ref().is_some_and(|flag| flag.counted(read)) => {
                Writes::Nothing
            }
            // Nobody could write, whether it would have been counted or not.
            _ if self.read_only && cannot_be_written(self.number) => Writes::Nothing,
            _ => Writes::NotCounted,
        }
    }

    /// The file that says whether the kernel counts.
    #[must_use]
    pub fn flag_path(&self) -> PathBuf {
        // The kernel's own name of it, whatever its node is called.
        match std::fs::canonicalize(self.number.sysfs()) {
            Ok(folder) if folder.join("queue").exists() => match folder.file_name() {
                Some(name) => PathBuf::from("/sys/block").join(name).join("queue/iostats"),
                None => flag_path(self.number),
            },
            _ => flag_path(self.number),
        }
    }
}

fn flag_path(number: DeviceNumber) -> PathBuf {
    number.sysfs().join("queue/iostats")
}

/// Whether nobody can write to the device: it is read-only, nothing lies on it, and no file system on
/// it is mounted for writing. Those two could have been there before it became read-only, and the kernel
/// lets them go on; it refuses what processes write.
fn cannot_be_written(number: DeviceNumber) -> bool {
    let folder = number.sysfs();
    let read_only = read_to_string(folder.join("ro")).is_ok_and(|text| text.trim_end() != "0");
    let nothing_above =
        std::fs::read_dir(folder.join("holders")).is_ok_and(|mut all| all.next().is_none());
    read_only && nothing_above && !is_mounted_writable(number)
}

/// `queue/iostats`, when the watch began.
#[derive(Debug)]
struct Flag {
    number: DeviceNumber,
    file: File,
    set: SystemTime,
    /// It was 1, so this kernel may obey it or not.
    was_on: bool,
    /// It was 0, and the kernel counted.
    ignored: bool,
}

impl Flag {
    /// `None` where there is none to be read.
    fn open(number: DeviceNumber, read: &dyn Fn()) -> Option<Self> {
        let file = File::open(flag_path(number)).ok()?;
        let set = file.metadata().and_then(|data| data.modified()).ok()?;
        let was_on = is_on(&file)?;
        let ignored = !was_on && counts_reads(number, read);
        Some(Self { number, file, set, was_on, ignored })
    }

    /// Whether the kernel counted from then until now.
    fn counted(&self, read: &dyn Fn()) -> bool {
        if self.ignored {
            return true;
        }
        let Some(on) = is_on(&self.file) else { return false };
        let untouched = || {
            let set = self.file.metadata().and_then(|data| data.modified());
            set.is_ok_and(|set| set == self.set)
        };
        match on {
            true => self.was_on && untouched(),
            false => self.was_on && counts_reads(self.number, read),
        }
    }
}

/// Whether the flag is set; `None` where the device is gone.
fn is_on(file: &File) -> Option<bool> {
    let mut text = [0; 8];
    let length = file.read_at(&mut text, 0).ok()?;
    Some(text.get(..length)?.trim_ascii() != b"0")
}

/// Whether what `read` reads is counted. One read that somebody else began earlier may end in just this
/// moment; two do not.
fn counts_reads(number: DeviceNumber, read: &dyn Fn()) -> bool {
    let reads = || read_to_string(number.sysfs().join("stat")).ok().and_then(|text| reads(&text));
    (0..2).all(|_| {
        let before = reads();
        read();
        before.is_some() && reads() != before
    })
}

/// The requests that read, from the text of the device's stat file.
fn reads(stat: &str) -> Option<u64> {
    stat.split_whitespace().next()?.parse().ok()
}

/// How much was written to a device since it exists, as far as the kernel counted
/// (kernel: Documentation/block/stat.rst); in sectors of 512 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct WriteCount {
    written: u64,
    /// Before Linux 4.18 discards count as writes.
    discarded: u64,
}

impl WriteCount {
    /// The device's count now; `None` where it cannot be read.
    fn of(number: DeviceNumber) -> Option<Self> {
        Self::from_stat(&read_to_string(number.sysfs().join("stat")).ok()?)
    }

    /// Parses the text of the device's stat file.
    fn from_stat(text: &str) -> Option<Self> {
        let numbers: Vec<u64> =
            text.split_whitespace().map(|number| number.parse().ok()).collect::<Option<_>>()?;
        Some(Self { written: *numbers.get(6)?, discarded: numbers.get(13).copied().unwrap_or(0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_as_the_kernel_writes_them() {
        let line = "     446        0     3568       16       69        0     8832        8        0       24       24        3        0   524288        0        0        0\n";
        let count = WriteCount { written: 8832, discarded: 524_288 };
        assert_eq!(WriteCount::from_stat(line), Some(count));
        // As before Linux 4.18.
        let old = "446 0 3568 16 69 0 8832 8 0 24 24\n";
        assert_eq!(WriteCount::from_stat(old), Some(WriteCount { discarded: 0, ..count }));
        assert_eq!(WriteCount::from_stat("446 0 3568"), None);
        assert_eq!(WriteCount::from_stat("1 2 3 4 5 6 x"), None);
        assert_eq!(reads(line), Some(446));
        assert_eq!(reads(""), None);
    }
}
