//! [`Instance`]: a block device from its making to its removal.

use std::fmt;

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
