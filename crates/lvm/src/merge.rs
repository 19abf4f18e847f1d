//! [`NoMerge`]: a volume that can be activated without carrying out a merge.
//!
//! `lvconvert --merge` of an origin that is open only notes the merge down. The next activation of
//! the origin carries it out, no matter who asks for that, and what the origin held is gone.

use crate::error::Result;
use crate::{Error, LogicalVolume, SegmentType};

/// A volume of which LVM said just now that no merge waits for its activation. Nothing of ours
/// activates a volume, or takes a snapshot of one, without it.
pub(crate) struct NoMerge<'a> {
    volume: &'a LogicalVolume,
    has_its_name: bool,
}

impl<'a> NoMerge<'a> {
    /// Asks LVM.
    pub(crate) fn of(volume: &'a LogicalVolume) -> Result<Self> {
        let (merging, volumes) = LogicalVolume::list_with_merging(&volume.group)?;
        if let Some((snapshot, origin)) = find(volume, &merging, &volumes) {
            return Err(refusal(volume, snapshot, origin));
        }
        Ok(Self { volume, has_its_name: has_its_name(volume, &volumes) })
    }

    /// Whether LVM listed the volume under its name, and no other one of the same full name.
    pub(crate) fn has_its_name(&self) -> bool {
        self.has_its_name
    }

    /// For LVM's `--select`: LVM looks once more, under its own lock, and leaves a volume alone that
    /// has become the origin of a merge meanwhile (lvs(8), the first character of lv_attr), and another
    /// one that has its name by now.
    pub(crate) fn selection(&self) -> String {
        format!("lv_attr!~^[OS] && lv_uuid={}", self.volume.uuid)
    }

    /// The volume.
    pub(crate) fn volume(&self) -> &'a LogicalVolume {
        self.volume
    }
}

/// Refuses a volume into which another one is being merged, or will be once it is activated next, and
/// one that cannot come up without such a volume.
///
/// # Errors
/// [`Error::State`] where there is such a merge; where `lvs` fails.
pub fn refuse_merge(volume: &LogicalVolume) -> Result<()> {
    NoMerge::of(volume).map(drop)
}

/// Whether the full name of `volume` is its own among the volumes that LVM lists.
fn has_its_name(volume: &LogicalVolume, volumes: &[LogicalVolume]) -> bool {
    let has_the_name = |other: &&LogicalVolume| other.full_name() == volume.full_name();
    let found: Vec<_> = volumes.iter().filter(has_the_name).collect();
    matches!(found.as_slice(), [one] if one.uuid == volume.uuid && one.group_uuid == volume.group_uuid)
}

/// The merge that stands in the way: the snapshot, and the name of its origin.
fn find<'a>(
    volume: &'a LogicalVolume,
    merging: &'a [LogicalVolume],
    volumes: &'a [LogicalVolume],
) -> Option<(&'a LogicalVolume, &'a str)> {
    let coming_up = coming_up(volume, volumes);
    merging.iter().find_map(|snapshot| {
        let origin = snapshot.origin.as_deref()?;
        let is_concerned = |other: &&LogicalVolume| {
            other.uuid == snapshot.uuid
                || (other.group_uuid == snapshot.group_uuid && other.name == origin)
        };
        coming_up.iter().any(is_concerned).then_some((snapshot, origin))
    })
}

/// The volume and all others that LVM activates with it: the origin of a classic snapshot, and an
/// external origin, which may have one itself. A thin volume's origin in the same pool stays as it is.
fn coming_up<'a>(
    volume: &'a LogicalVolume,
    volumes: &'a [LogicalVolume],
) -> Vec<&'a LogicalVolume> {
    let mut found = vec![volume];
    let mut next = Some(volume);
    while let Some(volume) = next {
        let is_origin = |other: &&LogicalVolume| {
            other.group_uuid == volume.group_uuid && Some(&other.name) == volume.origin.as_ref()
        };
        let comes_up = |origin: &&LogicalVolume| {
            let of_pool =
                origin.pool == volume.pool && volume.segment_type != SegmentType::Snapshot;
            !of_pool && found.iter().all(|known| known.uuid != origin.uuid)
        };
        next = volumes.iter().find(is_origin).filter(comes_up);
        found.extend(next);
    }
    found
}

fn refusal(volume: &LogicalVolume, snapshot: &LogicalVolume, origin: &str) -> Error {
    let (name, snapshot) = (volume.full_name(), snapshot.full_name());
    let origin = format!("{}/{origin}", volume.group);
    let comes_up = match origin == name {
        true => String::new(),
        false => format!("{name} becomes active only together with {origin}, and "),
    };
    Error::State(format!(
        "{comes_up}{snapshot} is being merged into {origin}, or will be at the next activation, \
         and what {origin} holds is lost then. Nothing was activated or changed. LVM cannot \
         cancel a merge: let it finish (`lvchange -an {origin}` if it is active, then `lvchange \
         -ay {origin}`), wait until `lvs -a {}` no longer lists {snapshot}, and run this again",
        volume.group
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::example;

    fn volume(name: &str, pool: Option<&str>, origin: Option<&str>) -> LogicalVolume {
        LogicalVolume {
            segment_type: if pool.is_some() { SegmentType::Thin } else { SegmentType::Linear },
            pool: pool.map(Into::into),
            origin: origin.map(Into::into),
            uuid: name.into(),
            ..example("vg0", name, "")
        }
    }

    #[test]
    fn a_merge_concerns_what_comes_up_with_its_origin() {
        let volumes = [
            volume("vol", Some("pool"), None),
            volume("snap", Some("pool"), Some("vol")),
            volume("external", None, None),
            volume("over", Some("pool"), Some("external")),
            volume("over2", Some("other"), Some("over")),
            LogicalVolume {
                segment_type: SegmentType::Snapshot,
                ..volume("classic", None, Some("external"))
            },
        ];
        let concerned = |origin: &str| {
            let merging = [volume("merging", None, Some(origin))];
            let is = |volume: &&LogicalVolume| find(volume, &merging, &volumes).is_some();
            volumes.iter().filter(is).map(|volume| volume.name.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(concerned("vol"), ["vol"]);
        assert_eq!(concerned("external"), ["external", "over", "over2", "classic"]);
        assert_eq!(concerned("elsewhere"), [""; 0]);
    }

    #[test]
    fn a_name_is_a_volumes_own_or_anothers() {
        let own = volume("vol", Some("pool"), None);
        let renamed = LogicalVolume { uuid: "other".into(), ..own.clone() };
        let of_twin = LogicalVolume { group_uuid: "twin".into(), ..own.clone() };
        let beside = volume("beside", Some("pool"), None);
        assert!(has_its_name(&own, &[beside.clone(), own.clone()]));
        for volumes in
            [vec![], vec![beside, renamed.clone()], vec![of_twin], vec![own.clone(), renamed]]
        {
            assert!(!has_its_name(&own, &volumes), "{volumes:?}");
        }
    }

    #[test]
    fn the_message_names_all_that_one_needs() {
        let (over, merging) =
            (volume("over", Some("pool"), Some("external")), volume("m", None, Some("external")));
        let message = refusal(&over, &merging, "external").to_string();
        assert!(message.starts_with(
            "vg0/over becomes active only together with vg0/external, and vg0/m is being"
        ));
        assert!(message.contains("`lvchange -ay vg0/external`"), "{message}");
    }

    #[test]
    fn origins_that_go_round_in_a_circle_end() {
        let volumes = [volume("a", None, Some("b")), volume("b", Some("p"), Some("a"))];
        assert_eq!(coming_up(&volumes[0], &volumes).len(), 2);
    }
}
