//! [`PoolSource`]: two thin volumes of one pool of this machine.

use std::sync::Arc;

use anyhow::Context;
use blockio::{Device, OpenMode};
use flow::{Session, usage};
use hyperlayer::{Identity, Volume};
use lvm::{Activation, DeviceMapper, LogicalVolume, Reserve, TemporarySnapshot, ThinDevice};

use crate::changes::Side;
use crate::device::{open_thin, write_back};
use crate::found;
use crate::order::Kinship;
use crate::pair::{Hold, Names, Pair};
use crate::pool_view::{HeldMetadata, with_held_metadata};
use crate::wants::Wants;
use crate::watch::Watch;

/// A thin volume, and optionally a base in the same pool.
pub struct PoolSource {
    /// `None` for a diff from nothing.
    pub base: Option<LogicalVolume>,
    /// The volume that a stream leads to.
    pub target: LogicalVolume,
    /// All volumes of this machine.
    pub volumes: Vec<LogicalVolume>,
    /// Read a temporary snapshot of the target, which nobody writes to.
    pub snapshot: bool,
    /// What to do about a metadata snapshot that somebody else holds.
    pub reserve: Reserve,
    /// For messages: how to read a target that is being written to.
    pub way_out: &'static str,
}

impl PoolSource {
    /// A source for one or two thin volumes of one pool; a metadata snapshot that somebody else holds is an
    /// error.
    ///
    /// # Errors
    /// If they are not two different thin volumes of one pool, or one thin volume.
    pub fn of(
        base: Option<LogicalVolume>,
        target: LogicalVolume,
        volumes: Vec<LogicalVolume>,
    ) -> anyhow::Result<Self> {
        base.iter().chain([&target]).try_for_each(check_thin)?;
        if let Some(base) = &base {
            check_one_pool(base, &target)?;
        }
        let way_out = "read a snapshot of it";
        Ok(Self { base, target, volumes, snapshot: false, reserve: Reserve::IfFree, way_out })
    }

    /// Opens both volumes, and reads what changed: the pool's metadata snapshot is released before any data is
    /// read.
    ///
    /// # Errors
    /// If they are not such a pair, cannot be read, or the base is written to meanwhile.
    pub fn open(&self, wants: &Wants, session: &Session<'_>) -> anyhow::Result<Pair> {
        let dm = DeviceMapper::open()?;
        let keep_waiting = || session.keep_waiting();

        // Guards: undone in reverse order on every way out.
        let mut volumes = self.volumes.clone();
        let group = &self.target.group;
        TemporarySnapshot::remove_leftovers(&dm, &mut volumes, group, &keep_waiting)?;
        let activate = |volume| Activation::ensure(&dm, volume, &keep_waiting);
        let base_active = self.base.as_ref().map(activate).transpose()?;
        // A snapshot is created by name.
        dm.check_names(&self.target)?;
        let snapshot = match self.snapshot {
            true => Some(
                TemporarySnapshot::create(&dm, &self.target, &keep_waiting)
                    .with_context(|| format!("a snapshot of {}", self.target.full_name()))?,
            ),
            false => None,
        };
        let target_volume = snapshot.as_ref().map_or(&self.target, TemporarySnapshot::volume);
        let target_active = activate(target_volume)?;
        session.interrupt.check()?;

        let base = self.base.as_ref().map(|base| OpenVolume::open(&dm, base)).transpose()?;
        let target = OpenVolume::open(&dm, target_volume)?;
        let pool = target.thin.pool(&dm)?;
        if let Some(base) = &base {
            check_pair(base, &target, pool == base.thin.pool(&dm)?)?;
        }
        // Only this run has a temporary snapshot open.
        if snapshot.is_none() && target.thin.may_be_written(&dm)? {
            log::warn!(
                "{} is in use: data written to it during the run may or may not be in the stream, \
                 and the result may be inconsistent; {}",
                self.target.full_name(),
                self.way_out
            );
        }
        // Writes to the base matter only if its data is read.
        let watched_base = base
            .as_ref()
            .zip(self.base.as_ref())
            .filter(|_| wants.base_data)
            .map(|(open, volume)| open.watch(volume.full_name(), "diff from a snapshot of it"));
        let watched_target = target.watch(self.target.full_name(), self.way_out);
        // If writes cannot be counted, say so before anything is read.
        watched_base.as_ref().map_or(Ok(()), Watch::check)?;

        // The pool is free before any data is copied.
        let read = |metadata: &HeldMetadata<'_>| {
            let base = base.as_ref().map(OpenVolume::side).transpose()?;
            let found = found::read(metadata, base.as_ref(), &target.side()?, wants)?;
            self.warn_if_backwards(metadata, found.0.newest)?;
            Ok(found)
        };
        let found = with_held_metadata(&dm, &pool, self.reserve, session.interrupt, read)??;
        if found.0.chunk_size != pool.table.chunk_size {
            anyhow::bail!(
                "pool {} has chunks of {} bytes in its metadata, and of {} in its table",
                pool.name,
                found.0.chunk_size,
                pool.table.chunk_size
            );
        }

        let names = Names {
            base: self.base.as_ref().zip(base.as_ref()).map(|(base, open)| open.volume(base)),
            target: target.volume(&self.target),
            base_origin: self.base_origin().unwrap_or_default(),
            identity: Identity::default(),
        };
        let base_name = self.base.as_ref().map_or("nothing".into(), LogicalVolume::full_name);
        let what = format!("{base_name} -> {}", self.target.full_name());
        let base_data = base.map(|base| Box::new(base.data) as _);
        let hold = PoolHold {
            watched_base,
            // Nobody else writes to a temporary snapshot, whether writes are counted or not.
            watched_target: Some(watched_target).filter(|_| snapshot.is_none()),
            target_active,
            snapshot,
            base_active,
        };
        Ok(Pair::new(names, what, found, (base_data, Box::new(target.data)), Box::new(hold)))
    }

    /// Says so if the target is an older state of the base, as if the two were swapped. `newest`: as
    /// [`thinmeta::Delta::newest`].
    fn warn_if_backwards(
        &self,
        metadata: &HeldMetadata<'_>,
        newest: Option<u64>,
    ) -> anyhow::Result<()> {
        let Some(base) = &self.base else { return Ok(()) };
        let Some(kinship) = Kinship::of(base, &self.target) else { return Ok(()) };
        let devices = metadata.devices()?;
        let of = |volume: &LogicalVolume| {
            devices.iter().find(|device| volume.thin_id == Some(device.id.get()))
        };
        if let (Some(old), Some(new)) = (of(base), of(&self.target))
            && kinship.is_backwards(old, new, newest)
        {
            let (base, target) = (base.full_name(), self.target.full_name());
            log::warn!(
                "{target} is an older state of {base}, so this leads back to it; what has changed \
                 since then is the other order: {target} {base}"
            );
        }
        Ok(())
    }

    /// The UUID of the volume that the base is a snapshot of, if it still exists.
    fn base_origin(&self) -> Option<String> {
        let base = self.base.as_ref()?;
        let is_origin = |volume: &&LogicalVolume| base.is_snapshot_of(volume);
        self.volumes.iter().find(is_origin).map(|origin| origin.uuid.clone())
    }
}

/// Released in this order.
struct PoolHold {
    watched_base: Option<Watch>,
    watched_target: Option<Watch>,
    target_active: Activation,
    snapshot: Option<TemporarySnapshot>,
    base_active: Option<Activation>,
}

impl Hold for PoolHold {
    fn check(&self) -> anyhow::Result<()> {
        self.watched_base.as_ref().map_or(Ok(()), Watch::check)?;
        if let Some(target) = &self.watched_target {
            target.warn();
        }
        Ok(())
    }

    fn release(self: Box<Self>) -> anyhow::Result<()> {
        let Self { watched_base, watched_target, target_active, snapshot, base_active } = *self;
        // The watches keep their devices open, which must be closed before they are deactivated.
        drop((watched_base, watched_target));
        target_active.release()?;
        snapshot.map(TemporarySnapshot::remove).transpose()?;
        base_active.map(Activation::release).transpose()?;
        Ok(())
    }
}

/// A thin volume of this machine, open for reading.
struct OpenVolume {
    thin: ThinDevice,
    data: Arc<Device>,
}

impl OpenVolume {
    fn open(dm: &DeviceMapper, volume: &LogicalVolume) -> anyhow::Result<Self> {
        let open = || {
            let thin = ThinDevice::find(dm, volume)?;
            let data = open_thin(&thin, OpenMode::Read)?;
            // Data that others wrote through the page cache must reach the pool before the metadata
            // is frozen.
            write_back(dm, &thin, &data)?;
            anyhow::Ok(Self { thin, data: Arc::new(data) })
        };
        open().with_context(|| format!("volume {}", volume.full_name()))
    }

    fn watch(&self, name: String, way_out: &str) -> Watch {
        Watch::begin(name, &self.thin.device, &self.data, way_out)
    }

    fn side(&self) -> anyhow::Result<Side> {
        Ok(Side {
            id: u64::from(self.thin.table.id).try_into()?,
            size: self.data.size(),
            external_origin: self.thin.table.external_origin.is_some(),
        })
    }

    /// The volume as a header names it.
    fn volume(&self, of: &LogicalVolume) -> Volume {
        Volume { name: of.name.clone(), uuid: of.uuid.clone(), size: self.data.size() }
    }
}

/// Refuses two volumes whose difference the metadata cannot show.
fn check_pair(base: &OpenVolume, target: &OpenVolume, one_pool: bool) -> anyhow::Result<()> {
    if !one_pool {
        return Err(usage("the two volumes are not in one pool"));
    }
    if base.thin.table.external_origin != target.thin.table.external_origin {
        return Err(usage(
            "the two volumes have different external origins, or only one of them has one: the \
             metadata does not show what their unmapped chunks read as",
        ));
    }
    Ok(())
}

fn check_thin(volume: &LogicalVolume) -> anyhow::Result<()> {
    if volume.thin_id.is_some() {
        return Ok(());
    }
    Err(usage(format!(
        "{} is not a thin volume: its segment type is {}; changes are known only between two thin \
         volumes of one pool, or between a classic snapshot and its origin",
        volume.full_name(),
        volume.segment_type
    )))
}

fn check_one_pool(base: &LogicalVolume, target: &LogicalVolume) -> anyhow::Result<()> {
    if base.uuid == target.uuid {
        return Err(usage(format!("{} is compared with itself", base.full_name())));
    }
    if base.pool_uuid != target.pool_uuid {
        let place = |volume: &LogicalVolume| {
            let pool = volume.pool.as_deref().unwrap_or("-");
            format!("{} is in pool {}/{pool}", volume.full_name(), volume.group)
        };
        return Err(usage(format!(
            "{}, {}: changes are known only between volumes of one pool",
            place(base),
            place(target)
        )));
    }
    Ok(())
}
