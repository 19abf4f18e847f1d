//! [`DeviceNumber`]: a block device, as the kernel numbers it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::Error;
use crate::error::Result;

/// A block device's major and minor number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeviceNumber {
    /// The driver.
    pub major: u32,
    /// The device of that driver.
    pub minor: u32,
}

impl DeviceNumber {
    /// From `st_rdev`.
    pub fn from_rdev(rdev: u64) -> Self {
        let truncated = |number: u64| number as u32; // both are 32 bits wide in the kernel
        Self {
            major: truncated(nix::sys::stat::major(rdev)),
            minor: truncated(nix::sys::stat::minor(rdev)),
        }
    }

    /// As device-mapper's ioctls carry it (linux/kdev_t.h, huge_encode_dev).
    pub(crate) fn encoded(self) -> u64 {
        let (major, minor) = (u64::from(self.major), u64::from(self.minor));
        (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)
    }

    pub(crate) fn decoded(dev: u64) -> Self {
        let truncated = |number: u64| number as u32;
        Self {
            major: truncated((dev & 0xfff00) >> 8),
            minor: truncated((dev & 0xff) | ((dev >> 12) & 0xfff00)),
        }
    }

    /// Its folder in sysfs.
    pub(crate) fn sysfs(self) -> PathBuf {
        PathBuf::from(format!("/sys/dev/block/{self}"))
    }

    /// Its size, in bytes.
    ///
    /// # Errors
    /// Where sysfs has no such device.
    pub fn size(self) -> Result<u64> {
        let sectors = std::fs::read_to_string(self.sysfs().join("size"))
            .map_err(|error| Error::Io(format!("the size of block device {self}"), error))?;
        let bytes = sectors.trim().parse::<u64>().ok().and_then(|sectors| sectors.checked_mul(512));
        bytes.ok_or(Error::Parse { what: "a device's size in sysfs", found: sectors })
    }

    /// Device-mapper's name of it; none where it is not a device-mapper device.
    pub(crate) fn dm_name(self) -> Option<String> {
        let name = std::fs::read_to_string(self.sysfs().join("dm/name")).ok()?;
        Some(name.trim_end().into())
    }

    /// Whether it is the device of a logical volume, and not of a layer below one.
    pub fn is_volume(self) -> bool {
        self.dm_uuid().is_some_and(|uuid| is_volume(&uuid))
    }

    /// Device-mapper's UUID of it; none where it is not a device-mapper device.
    pub(crate) fn dm_uuid(self) -> Option<String> {
        let uuid = std::fs::read_to_string(self.sysfs().join("dm/uuid")).ok()?;
        Some(uuid.trim_end().into())
    }
}

/// Of the device-mapper UUID that LVM gives: `LVM-`, the group's 32 characters and the volume's; that of a
/// layer goes on with its name.
fn is_volume(uuid: &str) -> bool {
    uuid.strip_prefix("LVM-").is_some_and(|both| both.len() == 64)
}

impl fmt::Display for DeviceNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.major, self.minor)
    }
}

impl FromStr for DeviceNumber {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let parse = || {
            let (major, minor) = text.split_once(':')?;
            Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
        };
        parse().ok_or_else(|| Error::Parse { what: "a device number", found: text.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_told_from_its_layers() {
        let whole = format!("LVM-{}{}", "g".repeat(32), "v".repeat(32));
        assert!(is_volume(&whole));
        for other in [format!("{whole}-tpool"), format!("part1-{whole}"), "CRYPT-x".into()] {
            assert!(!is_volume(&other), "{other}");
        }
    }

    #[test]
    fn the_kernels_encoding_both_ways() {
        for (major, minor, encoded) in [(254, 3, 0xfe03), (253, 0x12345, 0x1230_fd45)] {
            let number = DeviceNumber { major, minor };
            assert_eq!(number.encoded(), encoded);
            assert_eq!(DeviceNumber::decoded(encoded), number);
        }
        assert_eq!("254:3".parse::<DeviceNumber>().unwrap().to_string(), "254:3");
        assert!("254".parse::<DeviceNumber>().is_err());
    }
}
