//! LVM's refusals for want of space, told from its other failures.

use crate::{Error, LogicalVolume, command};

/// What LVM says where there is too little: a pool above its threshold, free extents, room for the
/// group's own metadata, and what the kernel says.
const WORDS: [&str; 5] = [
    "reached threshold",
    "nsufficient free space",
    "nsufficient suitable",
    "too large for circular buffer",
    "No space left on device",
];

const THRESHOLD: &str = "activation/thin_pool_autoextend_threshold";

/// An LVM command's failure to make something beside `volume` or larger, or in it, if it is a pool: with
/// what to do about it, where it is for want of space.
pub(crate) fn explained(error: Error, volume: &LogicalVolume) -> Error {
    let Error::Command { command, message } = &error else { return error };
    if !WORDS.iter().any(|words| message.contains(words)) {
        return error;
    }
    let pool = volume.pool.as_ref().unwrap_or(&volume.name);
    let pool = format!("{}/{pool}", volume.group);
    let failed = format!("`{command}` failed: {message}");
    if !message.contains(WORDS[0]) {
        let group = &volume.group;
        return Error::NoSpace(format!(
            "{failed}; extend pool {pool} with `lvextend`, or volume group {group} with `vgextend`"
        ));
    }
    if message.contains("needs check") {
        return Error::State(format!(
            "pool {pool} needs a check: the kernel could not write its metadata, and lets nobody \
             change it; find out why (`dmesg`), and repair it as lvmthin(7) says; {failed}"
        ));
    }
    let percent = threshold().map_or(String::new(), |percent| format!(" ({percent} %)"));
    Error::NoSpace(format!(
        "pool {pool} is above LVM's threshold, {THRESHOLD}{percent}, so LVM makes no volume in it, \
         though it may have room: extend it with `lvextend`, its metadata with `lvextend \
         --poolmetadatasize`, or raise the threshold in lvm.conf (see `lvs -o +metadata_percent {pool}`); \
         {failed}"
    ))
}

/// The threshold in lvm.conf, where that can be told.
fn threshold() -> Option<u8> {
    let output = command::run("lvmconfig", &["--typeconfig", "full", THRESHOLD]).ok()?;
    String::from_utf8_lossy(&output).lines().find_map(|line| {
        line.trim().strip_prefix("thin_pool_autoextend_threshold=")?.trim().parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::example;

    #[test]
    fn want_of_space_is_told_from_other_failures() {
        let volume = example("vg", "lv", "pool");
        let explained = |message: &str| {
            let (command, message) = ("lvcreate -s".into(), message.into());
            explained(Error::Command { command, message }, &volume)
        };
        let threshold =
            "Cannot create new thin volume, free space in thin pool vg/pool reached threshold.";
        for message in [
            threshold,
            "Volume group \"vg\" has insufficient free space (0 extents): 1 required.",
            "Insufficient suitable allocatable extents for logical volume lv: 25 more required",
            "VG vg 2 metadata on /dev/sda (1049088 bytes) too large for circular buffer (1044480 bytes \
             with 1024 used)",
            "device-mapper: message ioctl on (254:2) failed: No space left on device",
        ] {
            let error = explained(message);
            let Error::NoSpace(text) = &error else { panic!("{error}") };
            assert!(text.contains(message) && text.contains("vg/pool"), "{text}");
            assert_eq!(text.contains(THRESHOLD), message == threshold, "{text}");
        }
        // LVM 2.03.16 says so of a pool whose metadata the kernel has closed, however empty it is.
        let closed = explained(&format!(
            "WARNING: Thin pool vg/pool needs check has read-only metadata.; {threshold}"
        ));
        let Error::State(text) = &closed else { panic!("{closed}") };
        assert!(text.contains("pool vg/pool needs a check") && !text.contains("room"), "{text}");
        assert!(!text.contains("  "), "{text}");
        let other = explained("Logical Volume \"lv\" already exists in volume group \"vg\"");
        assert!(matches!(other, Error::Command { .. }), "{other}");
    }
}
