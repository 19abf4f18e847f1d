//! [`WriteCount`]: how much has been written to a device.

use std::fs::read_to_string;

use crate::DeviceNumber;

/// What has been written to a device since it exists (kernel: Documentation/block/stat.rst).
///
/// A request counts when it is finished: what is under way is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteCount {
    /// Requests that wrote.
    pub writes: u64,
    /// What they wrote, in sectors of 512 bytes.
    pub written_sectors: u64,
    /// Requests that discarded; before Linux 4.18 they count as writes.
    pub discards: u64,
    /// What they discarded, in sectors of 512 bytes.
    pub discarded_sectors: u64,
}

impl WriteCount {
    /// The device's count now; `None` where it cannot be read, or counting is switched off.
    pub(crate) fn of(number: DeviceNumber) -> Option<Self> {
        let folder = number.sysfs();
        let counts = read_to_string(folder.join("queue/iostats")).ok()?;
        let stat = read_to_string(folder.join("stat")).ok()?;
        if counts.trim_end() == "0" { None } else { Self::from_stat(&stat) }
    }

    /// The same, also where it may be that the kernel has stopped counting, or never began: `stat` and
    /// not `queue/iostats` is asked. Kernels up to 6.1 at least count a device-mapper device's writes
    /// always, and say in `queue/iostats` that they do not (seen).
    pub(crate) fn as_far_as_counted(number: DeviceNumber) -> Option<Self> {
        Self::from_stat(&read_to_string(number.sysfs().join("stat")).ok()?)
    }

    /// Parses the text of the device's stat file.
    fn from_stat(text: &str) -> Option<Self> {
        let numbers: Vec<u64> =
            text.split_whitespace().map(|number| number.parse().ok()).collect::<Option<_>>()?;
        let discards = |index| numbers.get(index).copied().unwrap_or(0);
        Some(Self {
            writes: *numbers.get(4)?,
            written_sectors: *numbers.get(6)?,
            discards: discards(11),
            discarded_sectors: discards(13),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_as_the_kernel_writes_them() {
        let line = "     446        0     3568       16       69        0     8832        8        0       24       24        3        0   524288        0        0        0\n";
        let count = WriteCount {
            writes: 69,
            written_sectors: 8832,
            discards: 3,
            discarded_sectors: 524_288,
        };
        assert_eq!(WriteCount::from_stat(line), Some(count));
        // As before Linux 4.18.
        let old = "446 0 3568 16 69 0 8832 8 0 24 24\n";
        assert_eq!(
            WriteCount::from_stat(old),
            Some(WriteCount { discards: 0, discarded_sectors: 0, ..count })
        );
        assert_eq!(WriteCount::from_stat("446 0 3568"), None);
        assert_eq!(WriteCount::from_stat("1 2 3 4 5 6 x"), None);
    }
}
