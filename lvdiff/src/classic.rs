//! A classic snapshot and its origin: what changed stands in the snapshot's exception store.

use std::convert::Infallible;

use anyhow::Context;
use blockio::{Device, OpenMode};
use cowmeta::{Exceptions, Store};
use flow::Interruptible;
use hyperlayer::Volume;
use lvm::{
    Activation, DeviceMapper, DeviceStatus, LogicalVolume, Scope, SnapshotDevice, VolumeName,
};
use thinmeta::ExtentKind;

use crate::changes::{Changes, in_volume};
use crate::cli::{Args, MapFormat};
use crate::diff::{Job, Names};
use crate::plan::{Outcome, usage};
use crate::watch::Watch;

/// A classic snapshot, its origin, and the direction.
pub(crate) struct ClassicSource {
    snapshot: LogicalVolume,
    origin: LogicalVolume,
    /// From the origin to the snapshot.
    reverse: bool,
}

fn is_snapshot(volume: &LogicalVolume) -> bool {
    volume.segment_type == "snapshot"
}

impl ClassicSource {
    /// What the names mean; `None` where neither is a classic snapshot.
    pub(crate) fn of(
        base: Option<&LogicalVolume>,
        target: &LogicalVolume,
        volumes: &[LogicalVolume],
        args: &Args,
    ) -> anyhow::Result<Option<Self>> {
        let snapshot = match base {
            Some(base) if is_snapshot(base) => base,
            _ if is_snapshot(target) => target,
            _ if args.reverse => {
                return Err(usage(format!(
                    "--reverse is for a classic snapshot, which {} is not; of two volumes, name the \
                     new one first",
                    target.full_name()
                )));
            }
            _ => return Ok(None),
        };
        let name = snapshot.full_name();
        let origin = volumes.iter().find(|volume| snapshot.is_snapshot_of(volume));
        let origin = origin.with_context(|| format!("`lvs` does not list the origin of {name}"))?;
        let other = match base {
            Some(base) if base.uuid == snapshot.uuid => target,
            Some(base) => base,
            None => origin,
        };
        if other.uuid != origin.uuid {
            return Err(usage(format!(
                "{name} is a classic snapshot of {}: what changed is known between these two only, \
                 and not between it and {}",
                origin.full_name(),
                other.full_name()
            )));
        }
        if args.snapshot {
            return Err(usage(format!(
                "--snapshot takes a thin snapshot, and {name} is a classic one: of that, stop \
                 whatever writes to {} for the time of the run",
                origin.full_name()
            )));
        }
        let reverse = args.reverse || base.is_some_and(|base| base.uuid == origin.uuid);
        Ok(Some(Self { snapshot: snapshot.clone(), origin: origin.clone(), reverse }))
    }
}

/// Why a volume of this name is not listed, if it is because it is being merged.
pub(crate) fn merging(name: &VolumeName, scope: &Scope) -> Option<anyhow::Error> {
    let merging = LogicalVolume::merging().ok()?;
    let found = name.find(&merging, scope).ok()?;
    Some(usage(format!(
        "{} is being merged into {}, or will be once that is activated next: there is no difference \
         to be told any more",
        found.full_name(),
        found.origin.as_deref().unwrap_or("its origin")
    )))
}

impl Job<'_> {
    /// Of a classic snapshot and its origin.
    pub(crate) fn diff_classic(&self, source: &ClassicSource) -> anyhow::Result<()> {
        if matches!(self.plan.result, Outcome::List { format: Some(MapFormat::ThinDelta) }) {
            return Err(usage("--map thin-delta tells of thin volumes, not of classic snapshots"));
        }
        let dm = DeviceMapper::open()?;
        let interrupt = self.session.interrupt;
        let (snapshot, origin) = (&source.snapshot, &source.origin);
        // LVM activates an origin and all its snapshots together.
        let keep_waiting = || interrupt.is_absent();
        let active = Activation::ensure(&dm, origin, &keep_waiting)?;
        let devices = SnapshotDevice::find(&dm, snapshot, origin)
            .with_context(|| format!("snapshot {}", snapshot.full_name()))?;
        lvm::wait_while_suspended(devices.device.number, &keep_waiting)?;
        let side = |volume, status| Side::open(volume, status);
        let (old, new) = (side(snapshot, &devices.device)?, side(origin, &devices.origin)?);
        let (base, target) = if source.reverse { (new, old) } else { (old, new) };
        if base.data.size() != target.data.size() {
            anyhow::bail!(
                "{} has {} bytes, and {} has {}",
                base.name(),
                base.data.size(),
                target.name(),
                target.data.size()
            );
        }
        if target.status.may_be_written() {
            log::warn!(
                "{} is in use: what is written to it meanwhile may be in the stream or not, and \
                 the result may be inconsistent; stop whatever writes to it",
                target.name()
            );
        }
        let (watched_base, watched_target) = (base.watch(), target.watch());
        watched_base.check(self.plan)?;

        let exceptions = self.read_store(&dm, &devices, target.data.size()).with_context(|| {
            format!("the COW device of {} ({})", snapshot.full_name(), devices.table.cow)
        })?;
        let changes = collect(&exceptions, target.data.size(), self.plan.detect_level)?;
        let names = Names {
            base: Some(base.volume()),
            target: target.volume(),
            base_origin: if source.reverse { String::new() } else { origin.uuid.clone() },
        };
        let what = format!("{} -> {}", base.name(), target.name());
        // Writes to the origin that make the snapshot overflow are not in the changes, and no later diff
        // from this snapshot can bring them.
        let still_valid = || {
            let status = devices.status(&dm);
            status.with_context(|| format!("snapshot {}", snapshot.full_name()))
        };
        let check = || {
            still_valid()?;
            watched_base.check(self.plan)?;
            watched_target.warn();
            Ok(())
        };
        let put_out = self.put_out(&changes, Some(&base.data), &target.data, names, &what, &check);
        // What an invalid snapshot says of a read is an I/O error only.
        put_out.map_err(|error| match still_valid() {
            Err(why) if error.downcast_ref::<lvm::Error>().is_none() => {
                error.context(format!("{why:#}"))
            }
            _ => error,
        })?;
        drop((watched_base, watched_target));
        drop((base, target));
        active.release()?;
        Ok(())
    }

    /// What changed until now. The snapshot must still be valid afterwards: one that overflows keeps
    /// nothing more, and what was read may lack what changed.
    fn read_store(
        &self,
        dm: &DeviceMapper,
        devices: &SnapshotDevice,
        size: u64,
    ) -> anyhow::Result<Exceptions> {
        let device = source::open_device(&devices.cow(dm)?, OpenMode::Read)?;
        let cow_size = device.size();
        let store = Store::open(
            Interruptible { source: device, interrupt: self.session.interrupt },
            cow_size,
        )?;
        let chunk_size = store.chunk_size().bytes();
        if chunk_size != devices.table.chunk_size {
            anyhow::bail!(
                "it has chunks of {chunk_size} bytes, and the snapshot's table says {}",
                devices.table.chunk_size
            );
        }
        let exceptions = store.exceptions(size)?;
        devices.status(dm)?;
        Ok(exceptions)
    }
}

/// The snapshot or the origin, open for reading.
struct Side<'a> {
    of: &'a LogicalVolume,
    status: &'a DeviceStatus,
    data: Device,
}

impl<'a> Side<'a> {
    fn open(of: &'a LogicalVolume, status: &'a DeviceStatus) -> anyhow::Result<Self> {
        let open = || {
            let data = source::open_device(status, OpenMode::Read)?;
            // What others wrote through the page cache is in the exception store from then on.
            data.write_back()?;
            anyhow::Ok(Self { of, status, data })
        };
        open().with_context(|| format!("volume {}", of.full_name()))
    }

    fn name(&self) -> String {
        self.of.full_name()
    }

    fn watch(&self) -> Watch<'_> {
        Watch::begin(self.name(), self.status, &self.data, "stop whatever writes to it")
    }

    /// As the header names it.
    fn volume(&self) -> Volume {
        let (name, uuid) = (self.of.name.clone(), self.of.uuid.clone());
        Volume { name, uuid, size: self.data.size() }
    }
}

/// Exceptions → changes of volumes of `size` bytes. Nobody knows what is mapped in such volumes, so
/// at detect level 3 all of the base is read. At level 2 the share of the sample that is taken from
/// what is mapped elsewhere is taken from what changed: it tells a copy that the stream was applied to
/// already, or that missed a stream.
fn collect(exceptions: &Exceptions, size: u64, detect_level: u8) -> anyhow::Result<Changes> {
    let chunk_size = exceptions.chunk_size().bytes();
    let mut changes =
        Changes { chunk_size, extents: vec![], sample: vec![], mapped: None, compared: None };
    for run in exceptions.runs() {
        if let Some(range) = in_volume(run.begin, run.length, chunk_size, size) {
            changes.add(range, ExtentKind::Changed);
        }
    }
    if matches!(detect_level, 1 | 2) {
        let all = changes.bytes(ExtentKind::Changed);
        let mut extents = changes.extents.iter();
        let (mut current, mut behind) = (None, 0);
        changes.sample = baseproof::positions(detect_level, size, chunk_size, |fraction| {
            // They are asked for in ascending order.
            let place = (all as f64 * fraction) as u64;
            while place >= behind {
                let Some(extent) = extents.next() else { return Ok::<_, Infallible>(None) };
                behind += extent.range().length;
                current = Some(extent.range());
            }
            let back = behind - place;
            Ok(current.map(|range| (range.offset + range.length).saturating_sub(back) / chunk_size))
        })?;
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use cowmeta::testing::Image;

    use super::*;

    const CHUNK: u64 = 4096;

    fn changes(chunks: impl IntoIterator<Item = u64>, size: u64, level: u8) -> Changes {
        let mut image = Image::new(8);
        chunks.into_iter().for_each(|chunk| image.copy(chunk));
        let bytes = image.bytes();
        let store = Store::open(&bytes[..], bytes.len() as u64).unwrap();
        collect(&store.exceptions(size).unwrap(), size, level).unwrap()
    }

    #[test]
    fn chunks_become_extents_within_the_volume() {
        let size = 100 * CHUNK - 512;
        let changes = changes([99, 4, 5, 7], size, 0);
        let ranges: Vec<_> = changes.extents.iter().map(|extent| extent.range()).collect();
        let range = |offset, length| blockio::Range { offset, length };
        assert_eq!(
            ranges,
            [range(4 * CHUNK, 2 * CHUNK), range(7 * CHUNK, CHUNK), range(99 * CHUNK, CHUNK - 512)]
        );
        assert_eq!(changes.bytes(ExtentKind::Changed), 4 * CHUNK - 512);
        assert_eq!(changes.bytes(ExtentKind::Unmapped), 0);
        assert!(changes.sample.is_empty() && changes.mapped.is_none());
    }

    #[test]
    fn half_of_the_sample_is_of_what_changed() {
        let size = 1_000_000 * CHUNK;
        // Two chunks for each of the 31 that are drawn, so that none is drawn twice.
        let changed: Vec<u64> = (500_000..500_031).chain(700_000..700_031).collect();
        let changes = changes(changed.clone(), size, 2);
        assert_eq!(changes.sample.len(), baseproof::SAMPLE_CHUNKS);
        let chunks = changes.sample.iter().map(|range| range.offset / CHUNK);
        let (first, second): (Vec<_>, Vec<_>) =
            chunks.filter(|chunk| changed.contains(chunk)).partition(|chunk| *chunk < 600_000);
        assert!(first.len() >= 15 && second.len() >= 15, "{first:?} {second:?}");
    }

    #[test]
    fn nothing_that_changed_leaves_a_sample_of_the_rest() {
        let changes = changes([], 1000 * CHUNK, 2);
        assert_eq!(changes.sample.len(), baseproof::SAMPLE_CHUNKS);
    }
}
