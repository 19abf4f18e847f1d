//! A thin volume that LVM has made just now, as the kernel has it: its device says all that LVM would be asked
//! for, and costs no report of a whole group.

use crate::error::Result;
use crate::name::dm_name;
use crate::owner::{Owner, dm_uuid};
use crate::{DeviceMapper, DeviceStatus, LogicalVolume, SegmentType, ThinTable};

/// What is known of a new volume before it is made: `beside` is the pool that it will be in, or a volume in
/// that pool.
pub(crate) fn before(beside: &LogicalVolume, name: &str, tag: &str) -> LogicalVolume {
    let (pool, pool_uuid) = match beside.segment_type == SegmentType::ThinPool {
        true => (Some(beside.name.clone()), Some(beside.uuid.clone())),
        false => (beside.pool.clone(), beside.pool_uuid.clone()),
    };
    LogicalVolume {
        group: beside.group.clone(),
        group_uuid: beside.group_uuid.clone(),
        name: name.into(),
        uuid: String::new(),
        size: 0,
        extent_size: beside.extent_size,
        segment_type: SegmentType::Thin,
        pool,
        pool_uuid,
        thin_id: None,
        chunk_size: 0,
        dm_name: dm_name(&beside.group, name),
        tags: vec![tag.into()],
        origin: None,
        origin_uuid: None,
        created: None,
        autoactivation: None,
        disk_count: beside.disk_count,
    }
}

/// Completes what was known before with what the kernel says; `None` where it has no such device, and LVM must
/// be asked why.
///
/// # Errors
/// [`crate::Error::Dm`], or where the kernel's answer is not understood.
pub(crate) fn look_up(dm: &DeviceMapper, before: &LogicalVolume) -> Result<Option<LogicalVolume>> {
    let Some(device) = dm.device_named(before)? else { return Ok(None) };
    let Some(table) = dm.table_of_kind(&device, "thin")? else { return Ok(None) };
    let table: ThinTable = table.parse()?;
    let pool = dm.device_by_number(table.pool)?;
    let Ok(size) = device.number.size() else { return Ok(None) };
    Ok(completed(before, &device, &table, &pool, size))
}

fn completed(
    before: &LogicalVolume,
    device: &DeviceStatus,
    table: &ThinTable,
    pool: &DeviceStatus,
    size: u64,
) -> Option<LogicalVolume> {
    let (group, uuid) = (&before.group_uuid, Owner::parse(&device.uuid)?.volume);
    let is_it = device.uuid == dm_uuid(group, &uuid, "")
        && pool.uuid == dm_uuid(group, before.pool_uuid.as_deref()?, "-tpool");
    is_it.then(|| LogicalVolume { uuid, size, thin_id: Some(table.id), ..before.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DeviceNumber;
    use crate::name::example;

    const GROUP: &str = "swkN17-Z9TB-TO8h-wfeD-f72c-8y0f-5YDlzY";
    const POOL: &str = "aaaaaa-Z9TB-TO8h-wfeD-f72c-8y0f-5YDlzY";
    const NEW: &str = "fdSblc-ZtGx-G3NS-PsBO-vepg-vTCt-EyG00w";

    #[test]
    fn a_device_is_the_new_volume_only_in_its_group_and_pool() {
        let device = |uuid: String| DeviceStatus {
            name: "vg0-new".into(),
            uuid,
            number: DeviceNumber { major: 254, minor: 5 },
            open_count: 0,
            read_only: false,
            events: 0,
        };
        let origin = LogicalVolume {
            group_uuid: GROUP.into(),
            pool_uuid: Some(POOL.into()),
            disk_count: Some(3),
            ..example("vg0", "origin", "pool")
        };
        let before = before(&origin, "a-new", "tag");
        let table: ThinTable = "254:2 7".parse().unwrap();
        let completed = |device_uuid, pool_uuid| {
            completed(&before, &device(device_uuid), &table, &device(pool_uuid), 512)
        };
        let (own, pool) = (dm_uuid(GROUP, NEW, ""), dm_uuid(GROUP, POOL, "-tpool"));
        let new = completed(own.clone(), pool.clone()).unwrap();
        assert_eq!((new.uuid.as_str(), new.thin_id, new.size), (NEW, Some(7), 512));
        assert_eq!((new.dm_name.as_str(), new.disk_count), ("vg0-a--new", Some(3)));
        assert_eq!((new.tags.as_slice(), &new.origin), (["tag".to_owned()].as_slice(), &None));
        for (device, pool) in [
            (dm_uuid(POOL, NEW, ""), pool.clone()),
            (dm_uuid(GROUP, NEW, "-real"), pool.clone()),
            (String::new(), pool),
            (own.clone(), dm_uuid(GROUP, NEW, "-tpool")),
            (own, dm_uuid(GROUP, POOL, "")),
        ] {
            assert_eq!(completed(device, pool), None);
        }
    }

    #[test]
    fn a_new_volume_is_in_the_pool_beside_which_it_is_asked_for() {
        let pool = LogicalVolume {
            segment_type: SegmentType::ThinPool,
            pool: None,
            pool_uuid: None,
            ..example("vg0", "pool", "")
        };
        let new = before(&pool, "new", "tag");
        assert_eq!(
            (new.pool.as_deref(), new.pool_uuid.as_deref()),
            (Some("pool"), Some("vg0-pool"))
        );
        assert_eq!(new.segment_type, SegmentType::Thin);
    }
}
