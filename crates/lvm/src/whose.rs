//! [`foreign`]: whose a device is that has a volume's name, and is not its own.

use crate::owner::Owner;
use crate::{DeviceStatus, Error, LogicalVolume};

/// The error for a device that has a volume's name and is not its own.
pub(crate) fn foreign(found: &DeviceStatus, volume: &LogicalVolume) -> Error {
    let listed = LogicalVolume::list().unwrap_or_default();
    describe(found, volume, &listed)
}

fn describe(found: &DeviceStatus, volume: &LogicalVolume, listed: &[LogicalVolume]) -> Error {
    let (device, name, group) = (&found.name, volume.full_name(), &volume.group);
    let whose = match Owner::parse(&found.uuid) {
        None if found.uuid.is_empty() => "has no UUID, and is not one of LVM's".into(),
        None => format!("has the UUID {:?}, which is not one of LVM's", found.uuid),
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
        "device {device} does not belong to {name}, which is volume {} in volume group {}: it \
         {whose}; it was not used. If nothing needs it, `dmsetup remove {device}` removes it; \
         otherwise `vgrename {} NEW` gives {group} a name of its own",
        volume.uuid, volume.group_uuid, volume.group_uuid
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: &str = "swkN17-Z9TB-TO8h-wfeD-f72c-8y0f-5YDlzY";
    const VOLUME: &str = "fdSblc-ZtGx-G3NS-PsBO-vepg-vTCt-EyG00w";
    const DM: &str = "LVM-swkN17Z9TBTO8hwfeDf72c8y0f5YDlzYfdSblcZtGxG3NSPsBOvepgvTCtEyG00w";

    #[test]
    fn a_foreign_device_is_named_with_its_owner_and_the_way_out() {
        let volume = crate::name::example("vg0", "s1", "pool0");
        let found = |uuid: &str| DeviceStatus {
            name: "vg0-s1".into(),
            uuid: uuid.into(),
            number: crate::DeviceNumber { major: 254, minor: 5 },
            open_count: 0,
            read_only: false,
            events: 0,
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
        assert!(said("mine", &[]).contains("not one of LVM's"));
    }
}
