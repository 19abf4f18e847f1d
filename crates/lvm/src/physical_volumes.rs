//! The disks of a volume group, whose caches what LVM has written may still be in.
//!
//! LVM would list them, but the kernel knows those that active volumes lie on, and most often that is all.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::owner::Owner;
use crate::{DeviceNumber, LogicalVolume, Node, command};

#[derive(Debug, Deserialize, PartialEq, Eq)]
struct Row {
    pv_name: String,
    pv_uuid: String,
    vg_uuid: String,
}

/// Brings LVM's metadata of a volume's group to stable storage: names, tags, what volumes there are.
/// LVM writes past the page cache, and leaves it to the disks' caches when they write it down.
///
/// # Errors
/// Where `vgs` and `pvs` fail; [`Error::State`] where a disk has no path; [`Error::Io`] where a disk fails.
pub fn sync(volume: &LogicalVolume) -> Result<()> {
    let sync = |path: &Path| {
        File::open(path).and_then(|disk| disk.sync_all()).map_err(|error| {
            let path = path.display();
            Error::Io(format!("{path}, a disk of volume group {}", volume.group), error)
        })
    };
    match in_use(Path::new("/sys/block"), volume) {
        Some(disks) => disks.into_iter().try_for_each(|disk| sync(&Node::of(disk)?)),
        None => listed(volume)?.iter().try_for_each(|disk| sync(disk)),
    }
}

/// The disks below the group's devices, in sysfs; `None` unless they are as many as the group has: one on
/// which no active volume lies has LVM's metadata, too. `block` is the folder of all block devices.
fn in_use(block: &Path, volume: &LogicalVolume) -> Option<BTreeSet<DeviceNumber>> {
    let is_of_group = |device: &Path| {
        let uuid = fs::read_to_string(device.join("dm/uuid")).unwrap_or_default();
        Owner::parse(uuid.trim_end()).is_some_and(|owner| owner.group == volume.group_uuid)
    };
    let mut disks = BTreeSet::new();
    for device in fs::read_dir(block).ok()? {
        let device = device.ok()?.path();
        if !is_of_group(&device) {
            continue;
        }
        for below in fs::read_dir(device.join("slaves")).ok()? {
            // The layers of a volume are no disks. A device that goes away meanwhile is seen in the count.
            let below = below.ok()?.path();
            if !is_of_group(&below) {
                disks.extend(number(&below));
            }
        }
    }
    (Some(disks.len()) == volume.disk_count).then_some(disks)
}

fn number(device: &Path) -> Option<DeviceNumber> {
    fs::read_to_string(device.join("dev")).ok()?.trim_end().parse().ok()
}

/// The disks as LVM lists them.
fn listed(volume: &LogicalVolume) -> Result<Vec<PathBuf>> {
    const FIELDS: &str = "pv_name,pv_uuid,vg_uuid";
    let is_of_group = |disk: &Row| disk.vg_uuid == volume.group_uuid;
    // One group costs less than all. Its name may be another's, too: then there is no answer.
    let mut disks: Vec<Row> = match command::report("vgs", FIELDS, &[&volume.group]) {
        Ok(disks) => disks,
        Err(error) => {
            log::debug!("the disks of all groups are listed: {error}");
            // Selected here: LVM 2.03.16 crashes where log/report_command_log meets a selection.
            command::report("pvs", FIELDS, &[])?
        }
    };
    disks.retain(is_of_group);
    Ok(paths(&disks, &volume.group)?.into_iter().map(PathBuf::from).collect())
}

fn paths<'a>(disks: &'a [Row], group: &str) -> Result<Vec<&'a str>> {
    let cannot = |why: String| {
        Err(Error::State(format!("the disks of volume group {group} cannot be synced: {why}")))
    };
    if disks.is_empty() {
        return cannot("`pvs` lists none".into());
    }
    // One that is missing has no path, but `[unknown]`.
    match disks.iter().find(|disk| !disk.pv_name.starts_with('/')) {
        Some(disk) => cannot(format!(
            "the one with the UUID {} has no path, but is {:?} for `pvs`",
            disk.pv_uuid, disk.pv_name
        )),
        None => Ok(disks.iter().map(|disk| disk.pv_name.as_str()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::name::example;
    use crate::owner::dm_uuid;

    #[test]
    fn the_disks_below_a_groups_devices_are_its_own_if_they_are_all() {
        let (group, other) =
            ("swkN17-Z9TB-TO8h-wfeD-f72c-8y0f-5YDlzY", "fdSblc-ZtGx-G3NS-PsBO-vepg-vTCt-EyG00w");
        let sysfs = tempfile::tempdir().unwrap();
        let device = |name: &str, dev: &str, group: Option<&str>, below: &[&str]| {
            let folder = sysfs.path().join(name);
            fs::create_dir_all(folder.join("slaves")).unwrap();
            fs::write(folder.join("dev"), format!("{dev}\n")).unwrap();
            if let Some(group) = group {
                fs::create_dir_all(folder.join("dm")).unwrap();
                fs::write(folder.join("dm/uuid"), format!("{}\n", dm_uuid(group, other, "")))
                    .unwrap();
            }
            for below in below {
                symlink(sysfs.path().join(below), folder.join("slaves").join(below)).unwrap();
            }
        };
        device("sda", "8:0", None, &[]);
        device("sdb", "8:16", None, &[]);
        device("sdc", "8:32", None, &[]);
        // A volume of another group, on which this one has a disk.
        device("dm-0", "254:0", Some(other), &["sdc"]);
        device("dm-1", "254:1", Some(group), &["sda", "dm-0"]);
        device("dm-2", "254:2", Some(group), &["dm-1", "sda"]);
        let of = |disk_count| {
            let group_uuid = group.into();
            let volume = LogicalVolume { group_uuid, disk_count, ..example("vg0", "lv", "pool") };
            let disks = in_use(sysfs.path(), &volume)?;
            Some(disks.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(of(Some(2)).unwrap(), ["8:0", "254:0"]);
        for unknown in [Some(1), Some(3), None] {
            assert_eq!(of(unknown), None);
        }
    }

    #[test]
    fn a_disk_without_a_path_is_an_error() {
        let row =
            |name: &str| Row { pv_name: name.into(), pv_uuid: "U".into(), vg_uuid: "V".into() };
        assert_eq!(paths(&[row("/dev/a"), row("/dev/b")], "vg0").unwrap(), ["/dev/a", "/dev/b"]);
        let missing = paths(&[row("/dev/a"), row("[unknown]")], "vg0").unwrap_err().to_string();
        assert!(missing.contains("UUID U") && missing.contains("vg0"), "{missing}");
        assert!(paths(&[], "vg0").is_err());
    }
}
