//! [`Instance`]: a block device from its making to its removal.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use crate::Node;
use crate::error::Result;
use crate::{DeviceNumber, Error};

/// One life of a block device. A device that is made anew can get the same name and the same
/// number, but never the same boot and disk sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instance {
    boot: String,
    number: DeviceNumber,
    /// Counts the disks of all drivers since the boot; none before Linux 5.15 (kernel:
    /// Documentation/ABI/stable/sysfs-block, diskseq).
    sequence: Option<u64>,
}

impl Instance {
    /// The device that has this number now; none where there is no such device.
    pub(crate) fn now(number: DeviceNumber) -> Result<Option<Self>> {
        let folder = number.sysfs();
        if !folder.exists() {
            return Ok(None);
        }
        let sequence = std::fs::read_to_string(folder.join("diskseq")).ok();
        let sequence = sequence.and_then(|text| text.trim_end().parse().ok());
        Ok(Some(Self { boot: boot_id()?, number, sequence }))
    }

    /// True where this can be told from every other device that ever had its number.
    pub(crate) fn is_unique(&self) -> bool {
        self.sequence.is_some()
    }

    /// When it was made, or later: the kernel makes the node with the device. None where that is not
    /// known: where /dev is not the kernel's own, say.
    pub(crate) fn made(&self) -> Option<SystemTime> {
        let node = std::fs::metadata(Node::of(self.number).ok()?).ok()?;
        if DeviceNumber::from_rdev(node.rdev()) != self.number {
            return None;
        }
        // Kernels before 5.19 or so keep no time of birth in /dev; changes come after it.
        node.created().ok().or_else(|| {
            let seconds = Duration::from_secs(node.ctime().try_into().ok()?);
            let rest = Duration::from_nanos(node.ctime_nsec().try_into().ok()?);
            SystemTime::UNIX_EPOCH.checked_add(seconds)?.checked_add(rest)
        })
    }

    /// Its number.
    pub(crate) fn number(&self) -> DeviceNumber {
        self.number
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "device {}, ", self.number)?;
        if let Some(sequence) = self.sequence {
            write!(formatter, "disk sequence {sequence}, ")?;
        }
        write!(formatter, "boot {}", self.boot)
    }
}

/// Tells this boot from every other one, of any machine.
pub(crate) fn boot_id() -> Result<String> {
    const PATH: &str = "/proc/sys/kernel/random/boot_id";
    let id = std::fs::read_to_string(PATH).map_err(|error| Error::Io(PATH.into(), error))?;
    Ok(id.trim_end().into())
}

#[cfg(test)]
impl Instance {
    pub(crate) fn example(number: DeviceNumber, sequence: Option<u64>) -> Self {
        Self { boot: "b0".into(), number, sequence }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_differs_where_the_device_does() {
        let one = Instance::example(DeviceNumber { major: 254, minor: 5 }, Some(12));
        assert_eq!(one.to_string(), "device 254:5, disk sequence 12, boot b0");
        let unknown = Instance { sequence: None, ..one.clone() };
        assert_eq!(unknown.to_string(), "device 254:5, boot b0");
        assert!(one.is_unique() && !unknown.is_unique());
        let others = [
            Instance { sequence: Some(13), ..one.clone() },
            Instance { boot: "b1".into(), ..one.clone() },
            unknown,
        ];
        assert!(others.iter().all(|other| other.to_string() != one.to_string()));
    }
}
