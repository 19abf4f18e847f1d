//! What is done with a device while we use it: [`DeviceStatus`] says it of every kind.

use crate::error::Result;
use crate::{DeviceMapper, DeviceNumber, DeviceStatus, Error, Node};

impl DeviceStatus {
    /// The device's node.
    ///
    /// # Errors
    /// As [`DeviceNumber::node`].
    pub fn node(&self) -> Result<Node> {
        Node::of(self.number)
    }

    /// Makes sure that `opened`, the number of a device that is open now, is this very device: a name
    /// and a number are used again once a device is gone, but not while it is open.
    ///
    /// # Errors
    /// [`Error::State`] where it is another one; [`Error::Dm`].
    pub fn check_opened(&self, opened: DeviceNumber) -> Result<()> {
        if opened == self.number
            && DeviceMapper::open()?.device_by_number(opened)?.uuid == self.uuid
        {
            return Ok(());
        }
        Err(Error::State(format!(
            "device {} was replaced by another one while it was opened",
            self.name
        )))
    }

    /// True where somebody holds the device open and may write to it: it is open, and not only once,
    /// by a file system that is mounted read-only.
    pub fn may_be_written(&self) -> bool {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        may_be_written(self, &mounts)
    }
}

fn may_be_written(device: &DeviceStatus, mountinfo: &str) -> bool {
    if device.read_only || device.open_count <= 0 {
        return false;
    }
    // All mounts of a file system together have its device open once; anyone else may write.
    device.open_count > 1 || !only_read_only_mounts(mountinfo, device.number)
}

/// Whether a file system on the device is mounted for writing, as far as this mount namespace shows.
pub(crate) fn is_mounted_writable(number: DeviceNumber) -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    mount_options(&mounts, number).any(|options| !has_ro(options))
}

/// Whether the device is mounted, and by all its mounts' super block options read-only
/// (proc_pid_mountinfo(5): field 3 is the device, the last field has the super block's options).
fn only_read_only_mounts(mountinfo: &str, number: DeviceNumber) -> bool {
    let mut options = mount_options(mountinfo, number).peekable();
    options.peek().is_some() && options.all(has_ro)
}

/// The super block options of each mount of the device.
fn mount_options(mountinfo: &str, number: DeviceNumber) -> impl Iterator<Item = &str> {
    let number = number.to_string();
    mountinfo
        .lines()
        .filter(move |line| line.split(' ').nth(2) == Some(number.as_str()))
        .filter_map(|line| line.rsplit(' ').next())
}

fn has_ro(options: &str) -> bool {
    options.split(',').any(|one| one == "ro")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_counts_by_its_super_block() {
        let number = DeviceNumber { major: 254, minor: 5 };
        let line = |device: &str, options: &str| {
            format!("36 35 {device} / /mnt rw,noatime master:1 - ext4 /dev/x {options}\n")
        };
        assert!(only_read_only_mounts(&line("254:5", "ro,errors=x"), number));
        assert!(!only_read_only_mounts(&line("254:5", "rw"), number));
        assert!(!only_read_only_mounts(&line("254:50", "ro"), number));
        let both = line("254:5", "ro") + &line("254:5", "rw");
        assert!(!only_read_only_mounts(&both, number));
    }

    #[test]
    fn a_read_only_mount_excuses_itself_alone() {
        let mounts = "36 35 254:5 / /mnt ro - ext4 /dev/x ro\n";
        let device = |open_count, read_only| DeviceStatus {
            name: "vg-lv".into(),
            uuid: String::new(),
            number: DeviceNumber { major: 254, minor: 5 },
            open_count,
            read_only,
            events: 0,
        };
        assert!(!may_be_written(&device(0, false), ""));
        assert!(may_be_written(&device(1, false), ""));
        assert!(!may_be_written(&device(1, false), mounts));
        assert!(may_be_written(&device(2, false), mounts));
        assert!(!may_be_written(&device(2, true), mounts));
    }
}
