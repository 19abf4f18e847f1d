//! Thin volumes below a block device: under a partition, dm-crypt, a loop device, or a logical volume on top
//! of them.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::Node;
use crate::error::Result;
use crate::{DeviceMapper, DeviceNumber, ThinDevice, ioctl};

/// Devices lie on others, but not on this many: a loop in what sysfs says must end.
const MOST: usize = 1000;

impl ThinDevice {
    /// The thin volumes that a block device lies on, at any depth; itself, if it is one. What lies on a
    /// thin volume's pool is not asked.
    ///
    /// # Errors
    /// [`Error::Dm`](crate::Error::Dm), or where the kernel's answer is not understood.
    pub fn find_below(dm: &DeviceMapper, number: DeviceNumber) -> Result<Vec<Self>> {
        let (mut found, mut seen, mut next) = (Vec::new(), Vec::new(), vec![number]);
        while let Some(number) = next.pop() {
            if seen.contains(&number) || seen.len() >= MOST {
                continue;
            }
            seen.push(number);
            match Self::find_by_number(dm, number)? {
                Some(thin) => found.push(thin),
                None => {
                    next.extend(directly_below(&number.sysfs()));
                    next.extend(opened_by_loop(number));
                }
            }
        }
        Ok(found)
    }
}

/// The devices that the one with this folder in sysfs lies on, as far as sysfs tells.
fn directly_below(folder: &Path) -> Vec<DeviceNumber> {
    let number = |folder: &Path| {
        let text = fs::read_to_string(folder.join("dev")).ok()?;
        text.trim().parse().ok()
    };
    if folder.join("partition").exists() {
        // A partition's folder is inside that of its disk.
        let disk = fs::canonicalize(folder).ok();
        return disk.iter().filter_map(|disk| number(disk.parent()?)).collect();
    }
    let slaves = fs::read_dir(folder.join("slaves")).into_iter().flatten().flatten();
    slaves.filter_map(|entry| number(&entry.path())).collect()
}

/// The block device that a loop device has open: it is no slave of that in sysfs.
fn opened_by_loop(number: DeviceNumber) -> Option<DeviceNumber> {
    // The file is there while something is open.
    let path = fs::read_to_string(number.sysfs().join("loop/backing_file")).ok()?;
    // The kernel knows the device whatever has become of its name; the name is for those who may not
    // open the loop device.
    let asked = Node::of(number).ok().and_then(|node| File::open(&*node).ok());
    match asked.and_then(|file| ioctl::loop_backing(&file).ok()) {
        Some(0) => None,
        Some(encoded) => Some(DeviceNumber::decoded(encoded)),
        None => {
            let found = PathBuf::from(path.trim_end_matches('\n')).metadata().ok()?;
            Some(found.rdev()).filter(|rdev| *rdev != 0).map(DeviceNumber::from_rdev)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_below_is_found_in_sysfs() {
        let root = tempfile::tempdir().unwrap();
        let disk = root.path().join("disk");
        for (folder, dev) in [("", "8:0\n"), ("part", "8:1\n"), ("slaves/a", "254:3\n")] {
            fs::create_dir_all(disk.join(folder)).unwrap();
            fs::write(disk.join(folder).join("dev"), dev).unwrap();
        }
        fs::write(disk.join("part/partition"), "1\n").unwrap();
        let below = |folder: &str| directly_below(&disk.join(folder));
        assert_eq!(below("part"), ["8:0".parse().unwrap()]);
        assert_eq!(below(""), ["254:3".parse().unwrap()]);
        assert_eq!(below("slaves/a"), []);
    }
}
