//! [`Owner`]: whose device a device of device-mapper is.
//!
//! A name says nothing of that: a disk that was pulled leaves its devices behind, and the next one may
//! bring a volume group of the same name. LVM gives every device a UUID that is made of the group's and
//! the volume's own, so nothing is looked up, read or written by name alone.

/// What device-mapper's UUID of a device of LVM's says (lvm2: lib/activate/dev_manager.c, build_dm_uuid).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The volume group's UUID, as LVM prints it.
    pub(crate) group: String,
    /// The volume's.
    pub(crate) volume: String,
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
}
