//! [`InPlace`]: a volume of this machine, written in place.

use anyhow::{Context, anyhow};
use blockio::{Device, OpenMode};
use hyperlayer::Totals;
use lvm::{Activation, DeviceMapper, DeviceNumber, LogicalVolume, TemporarySnapshot};
use streams::Link;

use super::{Made, Target};
use crate::accept::accept;
use crate::base::count_changed;
use crate::claim::{check_only_ours, hold};
use crate::given::Given;
use crate::ground::Ground;
use crate::lookup::look_up;
use crate::overwrite::{Site, after, begin_undo, warn_without_backup, write_over};
use crate::place::{OwnDevice, check_place};
use crate::plan::{Plan, Start};
use crate::whole::root_of;

/// A volume that is written in place: it is open from the first stream to the end.
pub(crate) struct InPlace<'a> {
    device: Device,
    place: OwnDevice,
    active: Activation,
    dm: DeviceMapper,
    given: Given<'a>,
    plan: Plan,
    volume: LogicalVolume,
    name: String,
}

impl<'a> InPlace<'a> {
    /// Looks up the volume that the first stream is for, and opens it.
    pub(crate) fn open(given: Given<'a>, link: &Link) -> anyhow::Result<Self> {
        accept(given.request, 0, link)?;
        let mut plan = look_up(given.request, link.header()).with_context(|| link.name.clone())?;
        let Start::Base(volume) = plan.start.clone() else {
            return Err(anyhow!("the stream has a base, and none was looked up"));
        };
        let name = volume.full_name();
        check_place(given, link, &name, Some(&volume))?;
        let dm = DeviceMapper::open()?;
        let keep_waiting = || given.session.keep_waiting();
        let (group, volumes) = (plan.start.group(), &mut plan.volumes);
        TemporarySnapshot::remove_leftovers(&dm, volumes, group, &keep_waiting)?;
        let active = Activation::ensure(&dm, &volume, &keep_waiting)?;
        let place = OwnDevice::find(&dm, &volume)?;
        let device = open_device(&dm, &place, &name)?;
        Ok(Self { device, place, active, dm, given, plan, volume, name })
    }
}

impl Target for InPlace<'_> {
    fn begin(&mut self, link: &Link, count: usize) -> anyhow::Result<()> {
        let Self { place, plan, device, given, .. } = self;
        accept(given.request, count, link)
            .and_then(|()| plan.check_chunk_size(link.header()))
            .and_then(|()| place.prove(*given, &self.dm, device, &self.name, link))
            .with_context(|| link.name.clone())
    }

    fn ground(&mut self, link: &Link, _count: usize) -> anyhow::Result<Ground> {
        let changed = count_changed(self.given, &self.device, link);
        let interrupt = Some(self.given.session.interrupt);
        self.place.ground(&self.dm, link, interrupt, &changed).with_context(|| link.name.clone())
    }

    fn write(&mut self, link: &mut Link, ground: Ground, count: usize) -> anyhow::Result<Totals> {
        let Self { given, device, name, volume, .. } = self;
        if count == 0 {
            warn_without_backup(*given, name, link);
        }
        let undo = begin_undo(*given, link, device, Some(volume))?;
        let site = Site { name, device, ground, is_new: false };
        write_over(*given, Some(volume), &site, link, 0..0, undo).applied
    }

    fn root(&mut self, size: u64) -> anyhow::Result<[u8; 32]> {
        root_of(&self.device, size, self.given.session).with_context(|| self.name.clone())
    }

    fn finish(self) -> anyhow::Result<Made> {
        drop(self.device);
        self.active.release()?;
        Ok(Made { name: self.name, uuid: Some(self.volume.uuid) })
    }

    fn abandon(self, error: anyhow::Error, count: usize) -> anyhow::Error {
        after(&self.name, count, error)
    }
}

/// Opens a volume that will be written in place.
pub(crate) fn open_device(
    dm: &DeviceMapper,
    place: &OwnDevice,
    name: &str,
) -> anyhow::Result<Device> {
    let device = hold(
        name,
        &format!(
            "make it writable with `lvchange -prw {name}`, or see read_only_volume_list in lvm.conf"
        ),
        place.open(OpenMode::WriteExclusive),
    )?;
    check_only_ours(dm, name, DeviceNumber::from_rdev(device.rdev()))?;
    Ok(device)
}
