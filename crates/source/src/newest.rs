//! [`Family`]: which thin volumes of a pool are snapshots of which.

use std::collections::{BTreeMap, BTreeSet};

use lvm::LogicalVolume;

/// The thin volumes of one pool, and what LVM says about their origins.
pub(crate) struct Family<'v> {
    by_uuid: BTreeMap<&'v str, &'v LogicalVolume>,
}

impl<'v> Family<'v> {
    pub(crate) fn of(volumes: impl IntoIterator<Item = &'v LogicalVolume>) -> Self {
        let by_uuid = volumes.into_iter().map(|volume| (volume.uuid.as_str(), volume)).collect();
        Self { by_uuid }
    }

    /// The volumes.
    pub(crate) fn volumes(&self) -> impl Iterator<Item = &'v LogicalVolume> {
        self.by_uuid.values().copied()
    }

    /// The volume with this UUID.
    pub(crate) fn volume(&self, uuid: &str) -> Option<&'v LogicalVolume> {
        self.by_uuid.get(uuid).copied()
    }

    /// The newest snapshot of each volume that has one, by the volume's UUID. LVM knows to the second when a volume was made;
    /// within a second the transaction ids decide, by thin id, and then the thin ids.
    pub(crate) fn newest(
        &self,
        transactions: &BTreeMap<u32, u64>,
    ) -> BTreeMap<&'v str, &'v LogicalVolume> {
        let age = |volume: &LogicalVolume| {
            // One that the pool lacks counts as newer: then the comparison says so, and no older one stands in for it.
            let transaction = volume.thin_id.and_then(|id| transactions.get(&id).copied());
            (volume.created, transaction.unwrap_or(u64::MAX), volume.thin_id)
        };
        let mut newest = BTreeMap::<&str, &LogicalVolume>::new();
        for volume in self.volumes() {
            let Some(origin) = self.origin(volume) else { continue };
            let known = newest.entry(&origin.uuid).or_insert(volume);
            if age(volume) > age(known) {
                *known = volume;
            }
        }
        newest
    }

    /// Whether unmapped chunks of a volume read as a volume outside the pool: its own external origin, or that of a
    /// volume that it descends from.
    pub(crate) fn has_external_origin(&self, volume: &LogicalVolume) -> bool {
        let (mut volume, mut seen) = (volume, BTreeSet::new());
        while let Some(uuid) = &volume.origin_uuid {
            match self.origin(volume) {
                Some(origin) if seen.insert(uuid) => volume = origin,
                Some(_) => return false, // LVM reports no circles
                None => return true,
            }
        }
        false
    }

    /// Whether a volume is a snapshot of another one of the pool.
    pub(crate) fn is_snapshot(&self, volume: &LogicalVolume) -> bool {
        self.origin(volume).is_some()
    }

    fn origin(&self, volume: &LogicalVolume) -> Option<&'v LogicalVolume> {
        self.volume(volume.origin_uuid.as_deref()?)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A thin volume, made at that time, in seconds.
    pub(crate) fn volume(name: &str, id: u32, origin: Option<&str>, created: u64) -> LogicalVolume {
        let (origin, uuid) = (origin.unwrap_or_default(), format!("uuid-{name}"));
        let origin_uuid = if origin.is_empty() { "".into() } else { format!("uuid-{origin}") };
        let json = format!(
            r#"{{"report":[{{"lv":[{{"vg_extent_size":"4194304","vg_name":"vg0","vg_uuid":"uuid-vg0",
            "lv_name":"{name}","lv_uuid":"{uuid}","lv_size":"1048576","segtype":"thin","pool_lv":"pool0",
            "pool_lv_uuid":"uuid-pool0","thin_id":"{id}","chunk_size":"0","lv_dm_path":"","lv_tags":"",
            "origin":"{origin}","origin_uuid":"{origin_uuid}","lv_time":"{created}","lv_attr":"Vwi-a-tz--",
            "origin_size":""}}]}}]}}"#
        );
        LogicalVolume::from_json(json.as_bytes()).unwrap().remove(0)
    }

    #[test]
    fn the_newest_snapshot_was_made_last_and_transactions_decide_within_a_second() {
        let volumes = [
            volume("a", 1, None, 100),
            volume("a-mon", 2, Some("a"), 200),
            volume("a-wed", 3, Some("a"), 400),
            volume("a-tue", 4, Some("a"), 300),
            volume("a-of-wed", 5, Some("a-wed"), 500),
            volume("b", 6, None, 100),
            volume("c", 7, None, 100),
            volume("c-one", 9, Some("c"), 200),
            volume("c-two", 8, Some("c"), 200),
        ];
        let newest = |transactions: &[(u32, u64)]| {
            let family = Family::of(&volumes);
            let newest = family.newest(&transactions.iter().copied().collect());
            newest.into_iter().map(|(of, one)| (of, one.name.as_str())).collect::<Vec<_>>()
        };
        let expected = |c| [("uuid-a", "a-wed"), ("uuid-a-wed", "a-of-wed"), ("uuid-c", c)];
        assert_eq!(newest(&[]), expected("c-one"));
        assert_eq!(newest(&[(2, 99), (9, 10), (8, 11)]), expected("c-two"));
        assert_eq!(newest(&[(9, 10)]), expected("c-two"));
    }

    #[test]
    fn an_origin_outside_the_pool_is_inherited() {
        let volumes = [
            volume("plain", 1, None, 1),
            volume("plain-mon", 2, Some("plain"), 1),
            volume("ext", 3, Some("elsewhere"), 1),
            volume("ext-mon", 4, Some("ext"), 1),
        ];
        let family = Family::of(&volumes);
        let external = family.volumes().filter(|volume| family.has_external_origin(volume));
        assert_eq!(
            external.map(|volume| volume.name.as_str()).collect::<Vec<_>>(),
            ["ext", "ext-mon"]
        );
        let snapshots = family.volumes().filter(|volume| family.is_snapshot(volume));
        assert_eq!(
            snapshots.map(|volume| volume.name.as_str()).collect::<Vec<_>>(),
            ["ext-mon", "plain-mon"]
        );
    }
}
