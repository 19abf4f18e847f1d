//! Volumes for tests.

use lvm::LogicalVolume;

/// A thin volume of the pool `vg0/pool0`.
pub(crate) fn volume(name: &str, tags: &[&str], origin: Option<&str>) -> LogicalVolume {
    LogicalVolume {
        group: "vg0".into(),
        group_uuid: "G".into(),
        name: name.into(),
        uuid: name.to_uppercase(),
        size: 1 << 20,
        extent_size: 4 << 20,
        segment_type: lvm::SegmentType::Thin,
        pool: Some("pool0".into()),
        pool_uuid: Some("P".into()),
        thin_id: Some(1),
        chunk_size: 0,
        dm_name: format!("vg0-{name}"),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        origin: origin.map(Into::into),
        origin_uuid: origin.map(str::to_uppercase),
        created: None,
        autoactivation: None,
        disk_count: None,
    }
}
