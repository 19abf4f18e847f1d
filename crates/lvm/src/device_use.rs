//! What is done with a device while we use it: [`DeviceStatus`] says it of every kind.

use crate::error::Result;
use crate::{DeviceMapper, DeviceNumber, DeviceStatus, Error, Node, reading_runs};

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

    /// True where somebody holds the device open now and may write to it: it is open, and not only by
    /// runs of our programs that read it, nor once more by a file system that is mounted read-only.
    ///
    /// # Errors
    /// [`Error::Dm`], also where the device is gone.
    pub fn may_be_written(&self, dm: &DeviceMapper) -> Result<bool> {
        /// Other runs begin and end between the two counts; no more than a warning depends on it.
        const TRIES: usize = 3;
        let mut device = dm.device_by_number(self.number)?;
        let mut readings = 0;
        for _ in 0..TRIES {
            readings = reading_runs::readings(self.number);
            let before = device.open_count;
            device = dm.device_by_number(self.number)?;
            if device.open_count == before {
                break;
            }
        }
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        Ok(may_be_written(&device, readings, &mounts))
    }
}

/// `readings`: how many of the times that the device is open are for reading only.
fn may_be_written(device: &DeviceStatus, readings: usize, mountinfo: &str) -> bool {
    let others = usize::try_from(device.open_count).unwrap_or(0).saturating_sub(readings);
    if device.read_only || others == 0 {
        return false;
    }
    // All mounts of a file system together have its device open once; anyone else may write.
    others > 1 || !only_read_only_mounts(mountinfo, device.number)
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
        assert!(!may_be_written(&device(0, false), 0, ""));
        assert!(may_be_written(&device(1, false), 0, ""));
        assert!(!may_be_written(&device(1, false), 0, mounts));
        assert!(may_be_written(&device(2, false), 0, mounts));
        assert!(!may_be_written(&device(2, true), 0, mounts));
        // Runs that read it come on top.
        assert!(!may_be_written(&device(2, false), 2, ""));
        assert!(!may_be_written(&device(1, false), 2, ""));
        assert!(may_be_written(&device(3, false), 2, ""));
        assert!(!may_be_written(&device(3, false), 2, mounts));
        assert!(may_be_written(&device(4, false), 2, mounts));
    }
}
