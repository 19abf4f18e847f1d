//! [`survey`]: how much each thin volume differs from its newest snapshot.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use flow::Session;
use lvm::{DeviceMapper, LogicalVolume, Reserve, Scope, TemporarySnapshot};

use crate::changes::{Side, count};
use crate::newest::Family;
use crate::pool_view::{HeldMetadata, find_pool, is_active, with_held_metadata};
use crate::sums::Sums;

/// A thin volume, and how it stands to its newest snapshot.
pub struct Surveyed {
    /// The volume as LVM reports it.
    pub volume: LogicalVolume,
    /// Whether it has a device.
    pub is_active: bool,
    /// Whether it is a snapshot of another volume of its pool.
    pub is_snapshot: bool,
    /// `None` if it has no snapshot in its pool.
    pub since: Option<Since>,
}

/// What changed in a volume since a snapshot of it was made.
pub struct Since {
    /// The snapshot.
    pub snapshot: LogicalVolume,
    /// Why it is unknown, if it is; the volumes of one pool can share a reason.
    pub sums: Result<Sums, Arc<anyhow::Error>>,
}

/// Compares each thin volume in a scope with the newest thin volume of its pool that is a snapshot of it. Those in which most
/// changed come first, then those that cannot be compared, and last those without a snapshot. One report of LVM
/// tells all volumes, and one metadata snapshot per pool all changes; no volume is activated. Writes that wait in the
/// page cache are not in the metadata yet.
///
/// # Errors
/// If LVM or the kernel cannot be asked. Metadata that cannot be read is a reason of the volumes concerned.
pub fn survey(
    scope: &Scope,
    reserve: Reserve,
    session: &Session<'_>,
) -> anyhow::Result<Vec<Surveyed>> {
    let volumes = match scope.group() {
        Some(group) => LogicalVolume::list_in(group),
        None => LogicalVolume::list(),
    };
    let volumes = volumes.context("the logical volumes cannot be listed")?;
    let pools = scope.pools(&volumes)?;
    let dm = DeviceMapper::open()?;
    let mut surveyed = Vec::new();
    for pool in pools {
        let is_listed = |volume: &&LogicalVolume| {
            volume.is_in(pool) && volume.thin_id.is_some() && !TemporarySnapshot::is_one(volume)
        };
        let family = Family::of(volumes.iter().filter(is_listed));
        let mut since = of_pool(&dm, pool, &family, reserve, session)?;
        for volume in family.volumes() {
            surveyed.push(Surveyed {
                since: since.remove(volume.uuid.as_str()),
                is_active: is_active(&dm, volume)?,
                is_snapshot: family.is_snapshot(volume),
                volume: volume.clone(),
            });
        }
    }
    sort(&mut surveyed);
    Ok(surveyed)
}

/// What changed in the volumes of a pool that have a snapshot, by their UUIDs.
type Found<'v> = BTreeMap<&'v str, Since>;

fn of_pool<'v>(
    dm: &DeviceMapper,
    pool: &LogicalVolume,
    family: &Family<'v>,
    reserve: Reserve,
    session: &Session<'_>,
) -> anyhow::Result<Found<'v>> {
    // Nothing to ask the pool for, if none has a snapshot.
    let newest = family.newest(&BTreeMap::new());
    if newest.is_empty() {
        return Ok(Found::new());
    }
    let device = find_pool(dm, pool)?.with_context(|| format!("pool {}", pool.full_name()));
    let found = device.and_then(|device| {
        let read = |metadata: &HeldMetadata<'_>| {
            let (in_metadata, in_table) =
                (metadata.superblock().data_block_size(), device.table.chunk_size);
            anyhow::ensure!(
                in_metadata == in_table,
                "it says that chunks have {in_metadata} bytes, and the pool's table that they have {in_table}"
            );
            let devices = metadata.devices()?.into_iter();
            let transactions =
                devices.map(|device| (device.id.get(), device.transaction_id)).collect();
            let mut found = Found::new();
            for (uuid, snapshot) in family.newest(&transactions) {
                let Some(volume) = family.volume(uuid) else { continue };
                let sums = compare(metadata, family, snapshot, volume);
                if sums.is_err() {
                    session.interrupt.check()?;
                }
                let sums = sums.map_err(Arc::new);
                found.insert(uuid, Since { snapshot: snapshot.clone(), sums });
            }
            Ok(found)
        };
        with_held_metadata(dm, &device, reserve, session.interrupt, read)?
    });
    found.or_else(|why| {
        session.interrupt.check()?;
        let why = Arc::new(why);
        let since = |snapshot: &LogicalVolume| Since {
            snapshot: snapshot.clone(),
            sums: Err(Arc::clone(&why)),
        };
        Ok(newest.into_iter().map(|(uuid, snapshot)| (uuid, since(snapshot))).collect())
    })
}

fn compare(
    metadata: &HeldMetadata<'_>,
    family: &Family<'_>,
    snapshot: &LogicalVolume,
    volume: &LogicalVolume,
) -> anyhow::Result<Sums> {
    let side = |volume: &LogicalVolume| {
        let id =
            volume.thin_id.with_context(|| format!("{} has no thin id", volume.full_name()))?;
        let external_origin = family.has_external_origin(volume);
        anyhow::Ok(Side { id: u64::from(id).try_into()?, size: volume.size, external_origin })
    };
    count(metadata, &side(snapshot)?, &side(volume)?)
}

/// The top changers first.
fn sort(surveyed: &mut [Surveyed]) {
    surveyed.sort_by_cached_key(|one| {
        let place = match &one.since {
            Some(Since { sums: Ok(sums), .. }) => {
                (0, Reverse((sums.changed_bytes, sums.unmapped_bytes)))
            }
            Some(Since { sums: Err(_), .. }) => (1, Reverse((0, 0))),
            None => (2, Reverse((0, 0))),
        };
        (place, one.volume.full_name())
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::newest::tests::volume;

    #[test]
    fn those_that_changed_most_come_first_and_those_without_a_snapshot_last() {
        let since = |sums| Some(Since { snapshot: volume("snapshot", 9, None, 0), sums });
        let changed = |changed_bytes, unmapped_bytes| {
            since(Ok(Sums { extents: 1, changed_bytes, unmapped_bytes }))
        };
        let failed = || since(Err(Arc::new(anyhow::anyhow!("why"))));
        let mut surveyed: Vec<_> = [
            ("none-b", None),
            ("unmapped", changed(5, 9)),
            ("failed", failed()),
            ("same-b", changed(0, 0)),
            ("none-a", None),
            ("little", changed(5, 1)),
            ("most", changed(70, 0)),
            ("same-a", changed(0, 0)),
        ]
        .into_iter()
        .map(|(name, since)| Surveyed {
            volume: volume(name, 1, None, 0),
            is_active: true,
            is_snapshot: false,
            since,
        })
        .collect();
        sort(&mut surveyed);
        let names: Vec<_> = surveyed.iter().map(|one| one.volume.name.as_str()).collect();
        let expected =
            ["most", "unmapped", "little", "same-a", "same-b", "failed", "none-a", "none-b"];
        assert_eq!(names, expected);
    }
}
