//! Devices that are suspended: whatever is read from one, or from a device above it, waits in the
//! kernel until it is resumed, and no signal ends that. So they are waited for here.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::lock::{KeepWaiting, pause};
use crate::{DeviceMapper, DeviceNumber, LogicalVolume, SegmentType};

/// LVM suspends devices for some milliseconds in many of its commands.
const NOT_WORTH_A_WORD: Duration = Duration::from_secs(1);

/// Waits while a volume that is active, or the pool that it is in or is, is suspended.
///
/// # Errors
/// Where the device that has its name is another's; [`crate::Error::WaitGivenUp`].
pub(crate) fn wait_for_volume(
    dm: &DeviceMapper,
    volume: &LogicalVolume,
    keep_waiting: KeepWaiting<'_>,
) -> Result<()> {
    // A pool's own device only keeps its name; the one that works is a layer.
    let devices = match volume.segment_type == SegmentType::ThinPool {
        true => Vec::from_iter(dm.layer_of(volume, "-tpool")?),
        false => dm.devices_of(volume)?,
    };
    devices.iter().try_for_each(|device| wait_while_suspended(device.number, keep_waiting))
}

/// Waits while the device, or one that it lies on, is suspended. Says so after a second.
///
/// # Errors
/// [`crate::Error::WaitGivenUp`].
pub fn wait_while_suspended(number: DeviceNumber, keep_waiting: KeepWaiting<'_>) -> Result<()> {
    let begun = Instant::now();
    let mut said = false;
    while let Some(name) = suspended(&number.sysfs()) {
        if !said && begun.elapsed() >= NOT_WORTH_A_WORD {
            log::warn!(
                "device {name} is suspended: waiting for it to be resumed (`dmsetup info {name}` \
                 shows its state, `dmsetup resume {name}` resumes it)"
            );
            said = true;
        }
        pause(Path::new(&format!("suspended device {name}")), keep_waiting)?;
    }
    Ok(())
}

/// Device-mapper's name of a suspended device: this one, or one that it lies on. `folder` is its
/// folder in sysfs (kernel: Documentation/ABI/testing/sysfs-block-dm; slaves lead to what is below).
fn suspended(folder: &Path) -> Option<String> {
    let mut seen = BTreeSet::<PathBuf>::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        // A partition has its disk above it in sysfs, and no folders of its own for these.
        let Ok(folder) = folder.canonicalize() else { continue };
        if !seen.insert(folder.clone()) {
            continue;
        }
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
        if read("dm/suspended").is_some_and(|text| text.trim_end() == "1") {
            return Some(read("dm/name").unwrap_or_default().trim_end().to_owned());
        }
        let below = std::fs::read_dir(folder.join("slaves")).into_iter().flatten().flatten();
        folders.extend(below.map(|entry| entry.path()));
    }
    None
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_device_below_that_is_suspended_is_found() {
        let sysfs = tempfile::tempdir().unwrap();
        let device = |name: &str, suspended: &str| {
            let folder = sysfs.path().join(name);
            fs::create_dir_all(folder.join("dm")).unwrap();
            fs::create_dir_all(folder.join("slaves")).unwrap();
            fs::write(folder.join("dm/name"), format!("vg-{name}\n")).unwrap();
            fs::write(folder.join("dm/suspended"), suspended).unwrap();
            folder
        };
        let (volume, pool, data) =
            (device("volume", "0\n"), device("pool", "0\n"), device("data", "0\n"));
        symlink(&pool, volume.join("slaves/pool")).unwrap();
        symlink(&data, pool.join("slaves/data")).unwrap();
        assert_eq!(suspended(&volume), None);
        fs::write(data.join("dm/suspended"), "1\n").unwrap();
        assert_eq!(suspended(&volume).as_deref(), Some("vg-data"));
        fs::write(volume.join("dm/suspended"), "1\n").unwrap();
        assert_eq!(suspended(&volume).as_deref(), Some("vg-volume"));
        assert_eq!(suspended(Path::new("/none")), None);
    }
}
