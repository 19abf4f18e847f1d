//! [`Owner`]: whose device a device of device-mapper is.
//!
//! A name says nothing of that: a disk that was pulled leaves its devices behind, and the next one may
//! bring a volume group of the same name. LVM gives every device a UUID that is made of the group's and
//! the volume's own, so nothing is looked up, read or written by name alone.

use crate::{DeviceStatus, Error, LogicalVolume};

/// What device-mapper's UUID of a device of LVM's says (lvm2: lib/activate/dev_manager.c, build_dm_uuid).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The volume group's UUID, as LVM prints it.
    group: String,
    /// The volume's.
    volume: String,
}

const PREFIX: &str = "LVM-";
/// How many characters a UUID has without its hyphens.
const LENGTH: usize = 32;

impl Owner {
    /// Reads a device's UUID; `None` where it is none of LVM's.
    pub(crate) fn parse(dm_uuid: &str) -> Option<Self> {
        let both = dm_uuid.strip_prefix(PREFIX)?;
        let (group, rest) = (both.get(..LENGTH)?, both.get(LENGTH..)?);
        let (volume, layer) = (rest.get(..LENGTH)?, rest.get(LENGTH..)?);
        let sound = |uuid: &str| uuid.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (sound(group) && sound(volume) && (layer.is_empty() || layer.starts_with('-')))
            .then(|| Self { group: with_hyphens(group), volume: with_hyphens(volume) })
    }

    /// Whether two devices' UUIDs are of volumes in one volume group; true where it cannot be told,
    /// because one of them is none of LVM's.
    pub(crate) fn may_share_group(one: &str, other: &str) -> bool {
        match (Self::parse(one), Self::parse(other)) {
            (Some(one), Some(other)) => one.group == other.group,
            _ => true,
        }
    }
}

/// Device-mapper's UUID of a volume's device; `layer` is LVM's suffix, such as `-tpool`, or empty.
pub(crate) fn dm_uuid(group_uuid: &str, uuid: &str, layer: &str) -> String {
    let plain = |uuid: &str| uuid.replace('-', "");
    format!("{PREFIX}{}{}{layer}", plain(group_uuid), plain(uuid))
}

/// The error for a device that has a volume's name and is not its own.
pub(crate) fn foreign(found: &DeviceStatus, volume: &LogicalVolume) -> Error {
    let listed = LogicalVolume::list().unwrap_or_default();
    describe(found, volume, &listed)
}

fn describe(found: &DeviceStatus, volume: &LogicalVolume, listed: &[LogicalVolume]) -> Error {
    let (device, name, group) = (&found.name, volume.full_name(), &volume.group);
    let whose = match Owner::parse(&found.uuid) {
        None if found.uuid.is_empty() => "has no UUID, and is none of LVM's".into(),
        None => format!("has the UUID {:?}, which is none of LVM's", found.uuid),
        Some(owner) => {
            let known = listed.iter().find(|other| other.uuid == owner.volume);
            let known = known.map_or_else(
                || "which `lvs` does not list: its disk may be gone".into(),
                |other| format!("which is {}", other.full_name()),
            );
            format!(
                "is the device of volume {} in volume group {}, {known}",
                owner.volume, owner.group
            )
        }
    };
    Error::State(format!(
        "device {device} is not that of {name}, which is volume {} in volume group {}: it {whose}; \
         nothing of it was used. If nobody needs it, `dmsetup remove {device}` takes it away; else \
         `vgrename {} NEW` gives {group} a name of its own",
        volume.uuid, volume.group_uuid, volume.group_uuid
    ))
}

/// As LVM prints a UUID: groups of 6, 4, 4, 4, 4, 4 and 6 characters.
fn with_hyphens(uuid: &str) -> String {
    let mut text = String::new();
    for (place, letter) in uuid.chars().enumerate() {
        if (6..=26).contains(&place) && (place - 6) % 4 == 0 {
            text.push('-');
        }
        text.push(letter);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: &str = "swkN17-Z9TB-TO8h-wfeD-f72c-8y0f-5YDlzY";
    const VOLUME: &str = "fdSblc-ZtGx-G3NS-PsBO-vepg-vTCt-EyG00w";
    const DM: &str = "LVM-swkN17Z9TBTO8hwfeDf72c8y0f5YDlzYfdSblcZtGxG3NSPsBOvepgvTCtEyG00w";

    #[test]
    fn a_devices_uuid_is_read_as_it_is_made() {
        for layer in ["", "-tpool", "-real", "-cow", "-tmeta"] {
            let uuid = dm_uuid(GROUP, VOLUME, layer);
            assert_eq!(uuid, format!("{DM}{layer}"));
            let owner = Owner { group: GROUP.into(), volume: VOLUME.into() };
            assert_eq!(Owner::parse(&uuid), Some(owner));
        }
        let longer = format!("{DM}x");
        let bad = DM.replace("fdSb", "fd\u{e4}b");
        for text in ["", "LVM-", "CRYPT-LUKS2-abc", &DM[..60], &longer, &bad] {
            assert_eq!(Owner::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_foreign_device_is_named_with_its_owner_and_the_way_out() {
        let volume = crate::name::example("vg0", "s1", "pool0");
        let found = |uuid: &str| DeviceStatus {
            name: "vg0-s1".into(),
            uuid: uuid.into(),
            number: crate::DeviceNumber { major: 254, minor: 5 },
            open_count: 0,
            read_only: false,
        };
        let said = |uuid: &str, listed: &[LogicalVolume]| {
            describe(&found(uuid), &volume, listed).to_string()
        };
        let gone = said(DM, &[]);
        let text = format!("of volume {VOLUME} in volume group {GROUP}, which `lvs` does not list");
        assert!(gone.contains(&text) && gone.contains("`vgrename uuid-of-vg0 NEW`"), "{gone}");
        let other = LogicalVolume { uuid: VOLUME.into(), ..crate::name::example("vg9", "x", "p") };
        assert!(said(DM, &[other]).contains("which is vg9/x"));
        assert!(said("", &[]).contains("no UUID"));
        assert!(said("mine", &[]).contains("none of LVM's"));
    }
}
