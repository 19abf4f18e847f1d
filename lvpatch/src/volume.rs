//! New volumes: stream → plan → proof → temporary volume → records → volume.

use crate::patch::Job;
use crate::plan::{self, Start};
use anyhow::Context;
use blockio::{Device, OpenMode};
use hyperlayer::{Records, Totals};
use lvm::{
    Activation, DeviceMapper, LogicalVolume, TemporarySnapshot, ThinDevice, WriteWatch, Writes,
};
use patch::{Applier, Demand, Extras, identity, mapped_ranges, prove, space};
use streams::{Link, Sources, Tally};

impl Job<'_> {
    /// Makes a new volume of all streams, or one of each.
    pub(crate) fn patch_volume(&self, sources: Sources) -> anyhow::Result<()> {
        // Looking for it goes through all of the last file: only where its name is used.
        let last = match self.args.each || self.args.new_name().is_some() {
            true => None,
            false => sources.last_header()?,
        };
        self.note_undo(&sources)?;
        let mut chain = self.chain(sources);
        let mut link = chain.first()?;
        let mut plan =
            plan::look_up(self.args, link.header()).with_context(|| link.name.clone())?;
        // Only the last stream's name is used, unless there is one each. What comes through a pipe
        // is most often the only stream: its name is looked at before anything is done.
        let expected = match last {
            Some(_) if self.rules.until.is_some() && !self.args.each => None,
            Some(last) if !self.args.each => Some(plan.new_name(&last)?),
            _ => Some(plan.new_name(link.header()).with_context(|| link.name.clone())?),
        };
        let dm = DeviceMapper::open()?;
        if let Some(name) = expected {
            dm.check_free(plan.start.group(), &name)?;
        }
        let keep_waiting = || self.interrupt.is_absent();
        let (group, volumes) = (plan.start.group(), &mut plan.volumes);
        TemporarySnapshot::remove_leftovers(&dm, volumes, group, &keep_waiting)?;
        // From here on there is something to undo: the guard removes it on every way out.
        let mut made = self.begin(&dm, &plan.start, &link)?;
        let mut done = Tally::default();
        loop {
            let name = plan.name(link.header());
            let of_link = self
                .apply_to(&dm, &mut made, &name, &mut link, done.streams > 0 && !self.args.each)
                .with_context(|| format!("{}/{name}", plan.start.group()))?;
            done.add(&link, of_link);
            let header = link.header().clone();
            let tags = identity::tags(&header, link.decoder.stream_digest());
            if self.args.each {
                // It is complete, whatever follows it.
                self.interrupt.check()?;
                let kept = made.keep_as(&dm, &name, &tags)?;
                let one = Tally { streams: 1, totals: of_link, ..done };
                self.say_done(&kept.full_name(), &one);
                let Some(next) = chain.next(link)? else { return Ok(()) };
                link = next;
                plan.volumes.push(kept.clone());
                plan.start = Start::Base(kept);
                plan.new_name(link.header()).with_context(|| link.name.clone())?;
                plan.check_chunk_size(link.header()).with_context(|| link.name.clone())?;
                made = self.begin(&dm, &plan.start, &link)?;
                continue;
            }
            let Some(next) = chain.next(link)? else {
                self.interrupt.check()?;
                let name = plan.new_name(&header)?;
                let kept = made.keep_as(&dm, &name, &tags)?;
                self.say_done(&kept.full_name(), &done);
                return Ok(());
            };
            link = next;
            plan.check_chunk_size(link.header()).with_context(|| link.name.clone())?;
            let thin = made.device(&dm)?;
            let device = source::open_thin(&thin, OpenMode::Read)?;
            self.prove(&dm, &thin, &device, &header.target.name, &link)?;
        }
    }

    /// Makes what a stream will be applied to: a snapshot of the base, once that is proved, or an
    /// empty volume.
    fn begin(
        &self,
        dm: &DeviceMapper,
        start: &Start,
        link: &Link,
    ) -> anyhow::Result<TemporarySnapshot> {
        let keep_waiting = || self.interrupt.is_absent();
        let base = match start {
            Start::Base(base) => base,
            Start::Pool(pool) => {
                let size = link.header().target.size;
                return TemporarySnapshot::create_empty(dm, pool, size, &keep_waiting)
                    .with_context(|| format!("a new volume in pool {}", pool.full_name()));
            }
        };
        self.check_identity(link, base)?;
        let base_active = Activation::ensure(dm, base, &keep_waiting)?;
        let thin = ThinDevice::find(dm, base)?;
        let in_use = thin.may_be_written();
        if in_use {
            log::warn!(
                "{} is in use: what is written to it meanwhile will be in the new volume, or make \
                 the base another one",
                base.full_name()
            );
        }
        let (device, watch) = self.prove_base(dm, &thin, base, link)?;
        let demand = Demand::new(link.header(), link.announces());
        space::ground(dm, &thin, &demand, None).with_context(|| link.name.clone())?;
        self.interrupt.check()?;
        let snapshot = TemporarySnapshot::create(dm, base, &keep_waiting)
            .with_context(|| format!("a snapshot of {}", base.full_name()))?;
        snapshot.take_over_autoactivation(base).with_context(|| base.full_name())?;
        // What was proved is the base; what is built on is the snapshot. Nobody else writes to
        // that, so it is proved in its own right where the base may have changed in between.
        let writes = watch.seen(&|| source::read_once(&device));
        drop((watch, device));
        if in_use || writes != Writes::Nothing {
            let thin = snapshot.device(dm)?;
            let device = source::open_thin(&thin, OpenMode::Read)?;
            self.prove(dm, &thin, &device, &base.full_name(), link)?;
        }
        // The snapshot has the base's chunks, whether the base stays active or not.
        base_active.release()?;
        Ok(snapshot)
    }

    /// Applies a stream to a volume that holds its base; `name` is what it will be called. `again`: what
    /// an earlier stream wrote is the volume's own already.
    fn apply_to(
        &self,
        dm: &DeviceMapper,
        made: &mut TemporarySnapshot,
        name: &str,
        link: &mut Link,
        again: bool,
    ) -> anyhow::Result<Totals> {
        let size = link.header().target.size;
        let before = match &link.header().base {
            Some(base) => base.size,
            None => size, // it was made with its size, and empty
        };
        lvm::check_extents(made.volume(), size)?;
        if size > before {
            made.resize(dm, size).context("growing it to the stream's size")?;
        }
        let thin = made.device(dm)?;
        let own = again.then_some(self.interrupt);
        let demand = Demand::new(link.header(), link.announces());
        let ground = space::ground(dm, &thin, &demand, own).with_context(|| link.name.clone())?;
        let device = source::open_thin(&thin, OpenMode::WriteExclusive)?;
        let applier = Applier::new(&device, name, ground, self.interrupt);
        // A volume that was shrunk once can have old data behind its end.
        self.where_mapped(dm, &thin, before.min(size)..size, |begin, end| {
            applier.clear(begin, end)
        })?;
        let totals = self.apply(link, &applier, Extras::default())?;
        // What is cut off would stay mapped for ever.
        self.where_mapped(dm, &thin, size..before.max(size), |begin, end| {
            applier.cut_off(begin, end)
        })?;
        device.sync()?;
        // A device that is open can be renamed, but not removed should that fail.
        drop(device);
        if size < before {
            made.resize(dm, size).context("shrinking it to the stream's size")?;
        }
        Ok(totals)
    }

    /// Does something with a range of a volume; of a large one only with what is mapped there.
    fn where_mapped(
        &self,
        dm: &DeviceMapper,
        thin: &ThinDevice,
        range: std::ops::Range<u64>,
        work: impl Fn(u64, u64) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        // Less is read sooner than its pool is asked.
        const LARGE: u64 = 1 << 30;
        let mapped = match range.end.saturating_sub(range.start) {
            0..LARGE => None,
            _ => mapped_ranges(dm, thin, range.start, self.interrupt)?,
        };
        let Some(mapped) = mapped else { return work(range.start, range.end) };
        for run in mapped {
            let begin = run.offset.max(range.start);
            let end = run.offset.saturating_add(run.length).min(range.end);
            if begin < end {
                work(begin, end)?;
            }
        }
        Ok(())
    }

    /// Holds a volume's tags against the base that the stream names.
    pub(crate) fn check_identity(&self, link: &Link, volume: &LogicalVolume) -> anyhow::Result<()> {
        match identity::check(link.header(), volume) {
            Err(error) if self.args.no_base_check => log::warn!("{error}"),
            checked => checked.with_context(|| link.name.clone())?,
        }
        Ok(())
    }

    /// Proves the base; yields its device, and a watch over it that began before.
    pub(crate) fn prove_base(
        &self,
        dm: &DeviceMapper,
        thin: &ThinDevice,
        base: &LogicalVolume,
        link: &Link,
    ) -> anyhow::Result<(Device, WriteWatch)> {
        let device = source::open_thin(thin, OpenMode::Read)?;
        source::write_back(dm, thin, &device).with_context(|| base.full_name())?;
        let watch = WriteWatch::begin(&thin.device, &|| source::read_once(&device));
        self.prove(dm, thin, &device, &base.full_name(), link)?;
        Ok((device, watch))
    }

    /// Proves what a device holds; `name` is for messages.
    pub(crate) fn prove(
        &self,
        dm: &DeviceMapper,
        thin: &ThinDevice,
        device: &Device,
        name: &str,
        link: &Link,
    ) -> anyhow::Result<()> {
        if link.header().undo {
            return self.prove_undo(Some((dm, thin)), name, device, link);
        }
        let (digests, checksums) = (link.decoder.base_digests(), link.decoder.base_checksums());
        if self.args.no_base_check {
            return Ok(());
        }
        prove::prove_checksums(name, device, checksums, self.interrupt)
            .with_context(|| link.name.clone())?;
        if digests.is_empty() {
            return Ok(());
        }
        let mapped = match link.header().detect_level {
            3 => mapped_ranges(dm, thin, 0, self.interrupt)?,
            _ => None,
        };
        prove::prove(name, device, digests, mapped.as_deref(), self.interrupt)
            .with_context(|| link.name.clone())
    }
}
