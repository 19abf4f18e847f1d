//! The disks of a volume group, whose caches what LVM has written may still be in.

use std::fs::File;

use serde::Deserialize;

use crate::LogicalVolume;
use crate::command;
use crate::error::{Error, Result};

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
    for path in paths(&disks, &volume.group)? {
        File::open(path).and_then(|disk| disk.sync_all()).map_err(|error| {
            Error::Io(format!("{path}, a disk of volume group {}", volume.group), error)
        })?;
    }
    Ok(())
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
    use super::*;

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
