//! LVM's commands end with success where they were not allowed to activate a volume, and in test
//! mode, where they do nothing at all.

use std::path::Path;

use crate::{Error, command};

/// The error for a volume that has no device after LVM was asked to activate it, or to make it.
pub(crate) fn not_activated(name: &str) -> Error {
    let set = |setting: &str| {
        let found = command::run("lvmconfig", &[setting]).ok()?;
        Some(String::from_utf8_lossy(&found).trim().to_owned())
    };
    let why = if !Path::new("/sys/dev/block").exists() {
        "/sys, where devices are looked up, is not mounted here".to_owned()
    } else if let Some(test) = set("global/test").filter(|text| text == "test=1") {
        format!("LVM is in test mode ({test} in lvm.conf)")
    } else if let Some(list) = set("activation/volume_list") {
        format!(
            "it does not pass LVM's activation filter (activation/volume_list in lvm.conf: {list}); \
             add it there, or a tag that it has"
        )
    } else {
        "check activation/volume_list and global/test in lvm.conf (`lvmconfig`), and what \
         `lvchange -ay -v` says"
            .to_owned()
    };
    Error::State(format!("LVM did not activate {name}, though it reports no failure: {why}"))
}
