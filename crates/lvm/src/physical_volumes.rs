//! The disks of a volume group, whose caches what LVM has written may still be in.

use std::fs::File;

use crate::command;
use crate::error::{Error, Result};

/// Brings LVM's metadata of a volume group to stable storage: names, tags, what volumes there are.
/// LVM writes past the page cache, and leaves it to the disks' caches when they write it down.
///
/// # Errors
/// Where `pvs` fails; [`Error::Io`] where a disk does.
pub fn sync(group: &str) -> Result<()> {
    let select = format!("vg_name={group}");
    let arguments = ["--noheadings", "--options", "pv_name", "--select", &select];
    let names = command::run("pvs", &arguments)?;
    let names = String::from_utf8_lossy(&names);
    // One that is missing has no path, but `[unknown]`.
    for path in names.lines().map(str::trim).filter(|name| name.starts_with('/')) {
        File::open(path)
            .and_then(|disk| disk.sync_all())
            .map_err(|error| Error::Io(format!("{path}, a disk of volume group {group}"), error))?;
    }
    Ok(())
}
