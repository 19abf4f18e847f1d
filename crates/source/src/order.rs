//! [`Kinship`]: whether a diff leads from a volume back to what it was before.

use lvm::LogicalVolume;
use thinmeta::DeviceInfo;

/// How two volumes are related, so that it is worth a look which of them is older.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kinship {
    /// The target is a snapshot of the base.
    SnapshotOfBase,
    /// Both are snapshots of one origin.
    OneOrigin,
}

impl Kinship {
    /// `None` if LVM knows of none, or if the base is a snapshot of the target, which is the usual order.
    pub(crate) fn of(base: &LogicalVolume, target: &LogicalVolume) -> Option<Self> {
        if target.is_snapshot_of(base) {
            return Some(Self::SnapshotOfBase);
        }
        let has_one_origin = target.origin_uuid.is_some() && target.origin_uuid == base.origin_uuid;
        has_one_origin.then_some(Self::OneOrigin)
    }

    /// Whether the pool proves that the target is an older state of the base: it is a snapshot that was never written
    /// to (`newest`: [`thinmeta::Delta::newest`]), and the base is as it was later. A snapshot that was written to,
    /// such as a clone of a template, may well be the new one.
    pub(crate) fn is_backwards(
        self,
        base: &DeviceInfo,
        target: &DeviceInfo,
        newest: Option<u64>,
    ) -> bool {
        let is_unwritten = newest.is_some_and(|newest| newest < target.creation_time.into());
        let is_base_later = match self {
            // Not after a merge into the origin, whose device is then an older snapshot's.
            Self::SnapshotOfBase => base.snapshotted_time >= target.creation_time,
            Self::OneOrigin => base.creation_time > target.creation_time,
        };
        is_unwritten && is_base_later
    }
}

#[cfg(test)]
mod tests {
    use lvm::SegmentType;
    use thinmeta::testing::{Pool, Shape};
    use thinmeta::{Metadata, View};

    use super::*;

    fn volume(uuid: &str, origin: Option<&str>) -> LogicalVolume {
        LogicalVolume {
            group: "vg0".into(),
            group_uuid: "g".into(),
            name: uuid.into(),
            uuid: uuid.into(),
            size: 0,
            extent_size: 0,
            segment_type: SegmentType::Thin,
            pool: Some("pool0".into()),
            pool_uuid: Some("p".into()),
            thin_id: Some(1),
            chunk_size: 0,
            dm_name: String::new(),
            tags: vec![],
            origin: origin.map(Into::into),
            origin_uuid: origin.map(Into::into),
            created: None,
            autoactivation: None,
            disk_count: None,
        }
    }

    #[test]
    fn only_volumes_of_one_origin_are_related() {
        let (origin, other) = (volume("vol0", None), volume("vol1", None));
        let (old, new) = (volume("sp0", Some("vol0")), volume("sp1", Some("vol0")));
        assert_eq!(Kinship::of(&old, &origin), None);
        assert_eq!(Kinship::of(&origin, &old), Some(Kinship::SnapshotOfBase));
        assert_eq!(Kinship::of(&old, &new), Some(Kinship::OneOrigin));
        assert_eq!(Kinship::of(&origin, &other), None);
        assert_eq!(Kinship::of(&other, &old), None);
    }

    /// Whether a diff between two devices of a pool leads back.
    fn is_backwards(pool: &Pool, kinship: Kinship, base: u32, target: u32) -> bool {
        let image = pool.image();
        let metadata = Metadata::open(&image[..], image.len() as u64, View::Live).unwrap();
        let id = |id: u32| u64::from(id).try_into().unwrap();
        let mut delta = metadata.delta(id(base), id(target)).unwrap();
        assert!(delta.by_ref().all(|extent| extent.is_ok()));
        let devices = metadata.devices().unwrap();
        let info = |wanted| devices.iter().find(|device| device.id == id(wanted)).unwrap();
        kinship.is_backwards(info(base), info(target), delta.newest())
    }

    #[test]
    fn an_older_state_is_recognized_and_a_clone_is_not_taken_for_one() {
        use Kinship::{OneOrigin, SnapshotOfBase};
        let mut pool = Pool::new(Shape { max_entries: 6, ..Shape::default() });
        pool.create_with(1, (0..100).map(|block| (block, block)));
        pool.snapshot(1, 2);
        // Nothing differs, so there is no order.
        assert!(!is_backwards(&pool, SnapshotOfBase, 1, 2));
        pool.write(1, 7);
        assert!(is_backwards(&pool, SnapshotOfBase, 1, 2));
        pool.snapshot(1, 3);
        assert!(is_backwards(&pool, OneOrigin, 3, 2));
        assert!(!is_backwards(&pool, OneOrigin, 2, 3));
        // An origin into which an older snapshot was merged has that one's device.
        assert!(!is_backwards(&pool, SnapshotOfBase, 2, 3));
        // A snapshot of the older one changes nothing.
        pool.snapshot(2, 4);
        assert!(!is_backwards(&pool, OneOrigin, 2, 3));
        pool.write(2, 50);
        assert!(!is_backwards(&pool, SnapshotOfBase, 1, 2));
        assert!(!is_backwards(&pool, OneOrigin, 3, 2));
    }
}
