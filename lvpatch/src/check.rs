//! `--check`: whether a base would be accepted, from the header and the digests.

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use blockio::{Device, OpenMode};
use flow::escaped;
use lvm::{Activation, DeviceMapper, LogicalVolume, PoolDevice, check_extents};
use patch::{Demand, space};
use streams::{Link, Sources};

use crate::device::{WRITABLE, volume_of};
use crate::in_place::not_ours;
use crate::patch::Job;
use crate::place::Place;
use crate::plan::{self, Start};

impl Job<'_> {
    /// For a volume of this machine, or a pool.
    pub(crate) fn check_volume(&self, sources: Sources) -> anyhow::Result<()> {
        self.note_undo(&sources)?;
        let link = self.chain(sources).first()?;
        let plan = plan::look_up(self.args, link.header()).with_context(|| link.name.clone())?;
        if self.args.in_place {
            self.accept_in_place(0, &link)?;
        } else if self.args.new_name().is_some() || link.is_named() {
            plan.new_name(link.header()).with_context(|| link.name.clone())?;
        }
        let dm = DeviceMapper::open()?;
        match &plan.start {
            Start::Base(base) => self.check_base(&dm, &link, base),
            Start::Pool(pool) => self.check_pool(&dm, &link, pool),
        }
    }

    fn check_base(
        &self,
        dm: &DeviceMapper,
        link: &Link,
        base: &LogicalVolume,
    ) -> anyhow::Result<()> {
        let name = base.full_name();
        match self.args.in_place {
            true => self.check_place(link, &name, Some(base))?,
            false => self.check_identity(link, base)?,
        }
        check_extents(base, link.header().target.size)?;
        // Neither written itself nor the origin of a snapshot.
        lvm::refuse_merge(base)?;
        let active = Activation::ensure(dm, base, &|| self.interrupt.is_absent())?;
        let place = Place::find(dm, base)?;
        let device = match self.args.in_place {
            true => self.open_in_place(dm, &place, &name)?,
            false => place.open(OpenMode::Read)?,
        };
        place.write_back(dm, &device).with_context(|| name.clone())?;
        self.prove_place(dm, &place, &device, &name, link)?;
        let in_place = self.args.in_place.then_some(self.interrupt);
        place
            .ground(dm, link, in_place, &self.count_changed(&device, link))
            .with_context(|| link.name.clone())?;
        drop(device);
        active.release()?;
        self.say_accepted(link, &format!("on {}", base.full_name()))
    }

    fn check_pool(
        &self,
        dm: &DeviceMapper,
        link: &Link,
        pool: &LogicalVolume,
    ) -> anyhow::Result<()> {
        check_extents(pool, link.header().target.size)?;
        // A pool that is not active has no status; it becomes active with the first volume.
        if let Some(device) = PoolDevice::find(dm, pool)? {
            let demand = Demand::new(link.header(), link.announces());
            space::check_pool(&device, device.status(dm)?, &demand)
                .with_context(|| link.name.clone())?;
        }
        self.say_accepted(link, &format!("in pool {}", pool.full_name()))
    }

    /// For a device or an image.
    pub(crate) fn check_device(&self, path: &Path, sources: Sources) -> anyhow::Result<()> {
        self.note_undo(&sources)?;
        let link = self.chain(sources).first()?;
        self.accept_in_place(0, &link)?;
        let name = path.display().to_string();
        if link.header().base.is_some() || path.exists() {
            source::await_device(path, self.interrupt)?;
            let device = Device::open(path, OpenMode::Read).with_context(|| name.clone())?;
            let free = device.check_writable(path).and_then(|()| device.check_claim());
            free.map_err(|error| not_ours(&name, WRITABLE, error.into()))?;
            let volume = volume_of(&name, &device)?;
            self.check_place(&link, &name, volume.as_ref())?;
            self.prove_path(&name, &device, &link)?;
            // What others have open now is no reason: it is asked when the stream is applied.
            self.ground_of(&name, &device, &link, false).with_context(|| link.name.clone())?;
        }
        self.say_accepted(&link, &format!("on {name}"))
    }

    fn say_accepted(&self, link: &Link, place: &str) -> anyhow::Result<()> {
        if self.args.quiet {
            return Ok(());
        }
        let target = escaped(&link.header().target.name);
        cli::tell(|out| writeln!(out, "the stream of {target} would be applied {place}"))
    }
}
