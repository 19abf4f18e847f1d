//! A classic snapshot and its origin: the snapshot's exception store says what changed.

use std::io;
use std::sync::Arc;

use anyhow::Context;
use blockio::{Device, OpenMode, Range};
use cowmeta::{Exceptions, Store};
use flow::{Interruptible, Session, usage};
use hyperlayer::{Identity, Volume};
use lvm::{Activation, DeviceMapper, DeviceStatus, LogicalVolume, SegmentType, SnapshotDevice};
use thinmeta::ExtentKind;

use crate::changes::{Changes, in_volume};
use crate::device::open_device;
use crate::pair::{Hold, Names, Pair};
use crate::wants::Wants;
use crate::watch::Watch;

/// A classic snapshot, its origin, and the direction.
pub struct ClassicSource {
    /// The snapshot.
    pub snapshot: LogicalVolume,
    /// Its origin.
    pub origin: LogicalVolume,
    /// Whether to diff from the origin to the snapshot.
    pub reverse: bool,
}

fn is_snapshot(volume: &LogicalVolume) -> bool {
    volume.segment_type == SegmentType::Snapshot
}

impl ClassicSource {
    /// The source for one or two volumes; `None` if neither is a classic snapshot.
    ///
    /// # Errors
    /// If one is and the other is not its origin, or the origin is not listed.
    pub fn of(
        base: Option<&LogicalVolume>,
        target: &LogicalVolume,
        volumes: &[LogicalVolume],
    ) -> anyhow::Result<Option<Self>> {
        let snapshot = match base {
            Some(base) if is_snapshot(base) => base,
            _ if is_snapshot(target) => target,
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
                "{name} is a classic snapshot of {}: changes are known only between these two, not \
                 between it and {}",
                origin.full_name(),
                other.full_name()
            )));
        }
        let reverse = base.is_some_and(|base| base.uuid == origin.uuid);
        Ok(Some(Self { snapshot: snapshot.clone(), origin: origin.clone(), reverse }))
    }

    /// Opens both volumes, and reads from the snapshot's exception store what changed.
    ///
    /// # Errors
    /// If they cannot be read, or the base is written to meanwhile.
    pub fn open(&self, wants: &Wants, session: &Session<'_>) -> anyhow::Result<Pair> {
        let (snapshot, origin) = (&self.snapshot, &self.origin);
        let (dm, active, devices) = self.activate(session)?;
        let old = Side::open(snapshot, &devices.device)?;
        let new = Side::open(origin, &devices.origin)?;
        let (base, target) = if self.reverse { (new, old) } else { (old, new) };
        let size = target.data.size();
        if base.data.size() != size {
            anyhow::bail!(
                "{} has {} bytes, and {} has {size}",
                base.name(),
                base.data.size(),
                target.name(),
            );
        }
        if target.status.may_be_written(&dm)? {
            log::warn!(
                "{} is in use: data written to it during the run may or may not be in the stream, \
                 and the result may be inconsistent; stop whatever writes to it",
                target.name()
            );
        }
        let watched_base = wants.base_data.then(|| base.watch());
        let watched_target = target.watch();
        watched_base.as_ref().map_or(Ok(()), Watch::check)?;

        let exceptions = read_store(&dm, &devices, size, session).with_context(|| {
            format!("the COW device of {} ({})", snapshot.full_name(), devices.table.cow)
        })?;
        let changes = collect(&exceptions, size, wants.detect_level)?;
        let names = Names {
            base: Some(base.volume()),
            target: target.volume(),
            base_origin: if self.reverse { String::new() } else { origin.uuid.clone() },
            identity: Identity::default(),
        };
        let what = format!("{} -> {}", base.name(), target.name());
        let content = (Some(Box::new(base.data) as _), Box::new(target.data) as _);
        let snapshot = snapshot.full_name();
        let hold = ClassicHold { watched_base, watched_target, active, dm, snapshot, devices };
        Ok(Pair::new(names, what, (changes, None), content, Box::new(hold)))
    }

    /// Opens the snapshot alone, for a stream that starts from nothing: everything in it counts as changed,
    /// because nothing says what was ever written.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn open_whole(&self, session: &Session<'_>) -> anyhow::Result<Pair> {
        let (dm, active, devices) = self.activate(session)?;
        let snapshot = Side::open(&self.snapshot, &devices.device)?;
        let watched_target = snapshot.watch();
        let mut changes = Changes::new(devices.table.chunk_size);
        let whole = Range { offset: 0, length: snapshot.data.size() };
        changes.add(whole, ExtentKind::Changed)?;
        let names = Names {
            base: None,
            target: snapshot.volume(),
            base_origin: String::new(),
            identity: Identity::default(),
        };
        let name = snapshot.name();
        let what = format!("nothing -> {name}");
        let content = (None, Box::new(snapshot.data) as _);
        let hold =
            ClassicHold { watched_base: None, watched_target, active, dm, snapshot: name, devices };
        Ok(Pair::new(names, what, (changes, None), content, Box::new(hold)))
    }

    /// LVM activates an origin and all its snapshots together.
    fn activate(
        &self,
        session: &Session<'_>,
    ) -> anyhow::Result<(DeviceMapper, Activation, SnapshotDevice)> {
        let dm = DeviceMapper::open()?;
        let keep_waiting = || session.keep_waiting();
        let active = Activation::ensure(&dm, &self.origin, &keep_waiting)?;
        let devices = SnapshotDevice::find(&dm, &self.snapshot, &self.origin)
            .with_context(|| format!("snapshot {}", self.snapshot.full_name()))?;
        lvm::wait_while_suspended(devices.device.number, &keep_waiting)?;
        Ok((dm, active, devices))
    }
}

/// Released in this order.
struct ClassicHold {
    watched_base: Option<Watch>,
    watched_target: Watch,
    active: Activation,
    dm: DeviceMapper,
    /// The snapshot's name.
    snapshot: String,
    devices: SnapshotDevice,
}

impl ClassicHold {
    /// Checks that the snapshot is still valid: writes to the origin that overflow it are missing from the
    /// changes, and no later diff from this snapshot can supply them.
    fn check_valid(&self) -> anyhow::Result<()> {
        let status = self.devices.status(&self.dm);
        status.map(drop).with_context(|| format!("snapshot {}", self.snapshot))
    }
}

impl Hold for ClassicHold {
    fn check(&self) -> anyhow::Result<()> {
        self.check_valid()?;
        self.watched_base.as_ref().map_or(Ok(()), Watch::check)?;
        self.watched_target.warn();
        Ok(())
    }

    /// An invalid snapshot fails reads with a plain I/O error; this adds the cause.
    fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        match self.check_valid() {
            Err(why) if error.downcast_ref::<lvm::Error>().is_none() => {
                error.context(format!("{why:#}"))
            }
            _ => error,
        }
    }

    fn release(self: Box<Self>) -> anyhow::Result<()> {
        let Self { watched_base, watched_target, active, .. } = *self;
        // The watches keep their devices open, which must be closed before they are deactivated.
        drop((watched_base, watched_target));
        active.release()?;
        Ok(())
    }
}

/// Reads what has changed so far. The snapshot must still be valid afterwards: one that overflows stores no
/// more exceptions, so what was read may be incomplete.
fn read_store(
    dm: &DeviceMapper,
    devices: &SnapshotDevice,
    size: u64,
    session: &Session<'_>,
) -> anyhow::Result<Exceptions> {
    let device = open_device(&devices.cow(dm)?, OpenMode::Read)?;
    let cow_size = device.size();
    let source = Interruptible { source: device, interrupt: session.interrupt };
    let store = Store::open(source, cow_size)?;
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

/// The snapshot or the origin, open for reading.
struct Side<'a> {
    of: &'a LogicalVolume,
    status: &'a DeviceStatus,
    data: Arc<Device>,
}

impl<'a> Side<'a> {
    fn open(of: &'a LogicalVolume, status: &'a DeviceStatus) -> anyhow::Result<Self> {
        let open = || {
            let data = open_device(status, OpenMode::Read)?;
            // From then on, data that others wrote through the page cache is in the exception store.
            data.write_back()?;
            anyhow::Ok(Self { of, status, data: Arc::new(data) })
        };
        open().with_context(|| format!("volume {}", of.full_name()))
    }

    fn name(&self) -> String {
        self.of.full_name()
    }

    fn watch(&self) -> Watch {
        Watch::begin(self.name(), self.status, &self.data, "stop whatever writes to it")
    }

    /// The volume as the header names it.
    fn volume(&self) -> Volume {
        let (name, uuid) = (self.of.name.clone(), self.of.uuid.clone());
        Volume { name, uuid, size: self.data.size() }
    }
}

/// Turns exceptions into changes of volumes of `size` bytes. It is unknown what is mapped in such volumes, so
/// detect level 3 reads the whole base. The share of the level 2 sample that is elsewhere taken from mapped
/// chunks is taken from changed ones here: it detects a copy that already has the stream applied, or that
/// missed a stream.
fn collect(exceptions: &Exceptions, size: u64, detect_level: u8) -> anyhow::Result<Changes> {
    let chunk_size = exceptions.chunk_size().bytes();
    let mut changes = Changes::new(chunk_size);
    for run in exceptions.runs() {
        if let Some(range) = in_volume(run.begin, run.length, chunk_size, size) {
            changes.add(range, ExtentKind::Changed)?;
        }
    }
    if matches!(detect_level, 1 | 2) {
        let all = changes.bytes(ExtentKind::Changed)?;
        let mut extents = changes.extents.iter();
        let (mut current, mut behind) = (None, 0);
        changes.sample = baseproof::positions(detect_level, size, chunk_size, |fraction| {
            // Fractions are requested in ascending order.
            let place = (all as f64 * fraction) as u64;
            while place >= behind {
                let Some(extent) = extents.next().transpose()? else { return io::Result::Ok(None) };
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
        let ranges: Vec<_> = changes.extents.iter().map(|extent| extent.unwrap().range()).collect();
        let range = |offset, length| blockio::Range { offset, length };
        assert_eq!(
            ranges,
            [range(4 * CHUNK, 2 * CHUNK), range(7 * CHUNK, CHUNK), range(99 * CHUNK, CHUNK - 512)]
        );
        assert_eq!(changes.bytes(ExtentKind::Changed).unwrap(), 4 * CHUNK - 512);
        assert_eq!(changes.bytes(ExtentKind::Unmapped).unwrap(), 0);
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
