//! [`NewVolume`]: base → proof → temporary snapshot → records → volume.

use anyhow::Context;
use blockio::{Device, OpenMode};
use hyperlayer::{Header, Totals};
use lvm::{
    Activation, DeviceMapper, LogicalVolume, TemporarySnapshot, ThinDevice, WriteWatch, Writes,
};
use streams::Link;

use super::{Made, Target};
use crate::apply::{Applier, Extras};
use crate::apply_link::apply_link;
use crate::base::{check_identity, prove_thin};
use crate::demand::Demand;
use crate::given::Given;
use crate::ground::Ground;
use crate::holes::mapped_ranges;
use crate::plan::{Plan, Start};
use crate::whole::root_of;
use crate::{identity, space};

/// A new volume: a snapshot of the base, or an empty one. It gets its name only once it is complete.
pub(crate) struct NewVolume<'a> {
    /// The guard removes it on every way out.
    made: Option<TemporarySnapshot>,
    given: Given<'a>,
    dm: DeviceMapper,
    plan: Plan,
    /// What was written to it last.
    last: Option<Last>,
}

/// The stream that was written last.
struct Last {
    header: Header,
    tags: Vec<String>,
}

impl<'a> NewVolume<'a> {
    /// Removes leftovers of earlier runs, after checking that the volume's name is free, if it is already
    /// known.
    pub(crate) fn open(
        given: Given<'a>,
        mut plan: Plan,
        expected: Option<&str>,
    ) -> anyhow::Result<Self> {
        let dm = DeviceMapper::open()?;
        if let Some(name) = expected {
            dm.check_free(plan.start.group(), name)?;
        }
        let keep_waiting = || given.session.keep_waiting();
        let (group, volumes) = (plan.start.group(), &mut plan.volumes);
        TemporarySnapshot::remove_leftovers(&dm, volumes, group, &keep_waiting)?;
        Ok(Self { made: None, given, dm, plan, last: None })
    }

    /// Gives the volume its name and tags.
    pub(crate) fn keep(&mut self) -> anyhow::Result<LogicalVolume> {
        let (made, last) = self.made.take().zip(self.last.take()).context("nothing was written")?;
        self.given.session.interrupt.check()?;
        let name = self.plan.new_name(&last.header)?;
        Ok(made.keep_as(&self.dm, &name, &last.tags)?)
    }

    /// Prepares for another new volume, made from `kept` by the stream.
    pub(crate) fn go_on_from(&mut self, kept: LogicalVolume, link: &Link) -> anyhow::Result<()> {
        self.plan.volumes.push(kept.clone());
        self.plan.start = Start::Base(kept);
        self.plan.new_name(link.header()).with_context(|| link.name.clone())?;
        self.plan.check_chunk_size(link.header()).with_context(|| link.name.clone())
    }

    /// Names the volume that an error is about.
    fn full_name(&self, header: &Header) -> String {
        format!("{}/{}", self.plan.start.group(), self.plan.name(header))
    }
}

impl Target for NewVolume<'_> {
    fn begin(&mut self, link: &Link, _count: usize) -> anyhow::Result<()> {
        let Some((made, last)) = self.made.as_ref().zip(self.last.as_ref()) else {
            self.made = Some(make(self.given, &self.dm, &self.plan.start, link)?);
            return Ok(());
        };
        self.plan.check_chunk_size(link.header()).with_context(|| link.name.clone())?;
        let thin = made.device(&self.dm)?;
        let device = source::open_thin(&thin, OpenMode::Read)?;
        prove_thin(self.given, &self.dm, &thin, &device, &last.header.target.name, link)
    }

    fn ground(&mut self, link: &Link, count: usize) -> anyhow::Result<Ground> {
        let name = self.full_name(link.header());
        let made = self.made.as_mut().context("nothing was begun")?;
        let of = ground_of(self.given, &self.dm, made, link, count);
        of.with_context(|| name)
    }

    fn write(&mut self, link: &mut Link, ground: Ground, _count: usize) -> anyhow::Result<Totals> {
        let full_name = self.full_name(link.header());
        let name = self.plan.name(link.header());
        let made = self.made.as_mut().context("nothing was begun")?;
        let totals =
            write_to(self.given, &self.dm, made, &name, link, ground).with_context(|| full_name)?;
        let header = link.header().clone();
        let tags = identity::tags(&header, link.decoder.stream_digest());
        self.last = Some(Last { header, tags });
        Ok(totals)
    }

    fn root(&mut self, size: u64) -> anyhow::Result<[u8; 32]> {
        let made = self.made.as_ref().context("nothing was begun")?;
        let thin = made.device(&self.dm)?;
        let device = source::open_thin(&thin, OpenMode::Read)?;
        root_of(&device, size, self.given.session)
    }

    fn finish(mut self) -> anyhow::Result<Made> {
        let kept = self.keep()?;
        Ok(Made { name: kept.full_name(), uuid: Some(kept.uuid) })
    }

    fn abandon(self, error: anyhow::Error, _count: usize) -> anyhow::Error {
        error
    }
}

/// Creates what a stream will be applied to: a snapshot of the base, once that is proved, or an empty volume.
fn make(
    given: Given<'_>,
    dm: &DeviceMapper,
    start: &Start,
    link: &Link,
) -> anyhow::Result<TemporarySnapshot> {
    let keep_waiting = || given.session.keep_waiting();
    let base = match start {
        Start::Base(base) => base,
        Start::Pool(pool) => {
            let size = link.header().target.size;
            return TemporarySnapshot::create_empty(dm, pool, size, &keep_waiting)
                .with_context(|| format!("a new volume in pool {}", pool.full_name()));
        }
    };
    check_identity(given, link, base)?;
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
    let (device, watch) = prove_base(given, dm, &thin, base, link)?;
    let demand = Demand::new(link.header(), link.announces());
    space::ground(dm, &thin, &demand, None).with_context(|| link.name.clone())?;
    given.session.interrupt.check()?;
    let snapshot = TemporarySnapshot::create(dm, base, &keep_waiting)
        .with_context(|| format!("a snapshot of {}", base.full_name()))?;
    snapshot.take_over_autoactivation(base).with_context(|| base.full_name())?;
    // The base was proved, but the snapshot is what gets written. Nobody else writes to the snapshot, so it is
    // proved as well if the base may have changed in between.
    let writes = watch.seen(&|| source::read_once(&device));
    drop((watch, device));
    if in_use || writes != Writes::Nothing {
        let thin = snapshot.device(dm)?;
        let device = source::open_thin(&thin, OpenMode::Read)?;
        prove_thin(given, dm, &thin, &device, &base.full_name(), link)?;
    }
    // The snapshot keeps the base's chunks, whether the base stays active or not.
    base_active.release()?;
    Ok(snapshot)
}

/// Proves the base; yields its device, and a watch that began before the proof.
fn prove_base(
    given: Given<'_>,
    dm: &DeviceMapper,
    thin: &ThinDevice,
    base: &LogicalVolume,
    link: &Link,
) -> anyhow::Result<(Device, WriteWatch)> {
    let device = source::open_thin(thin, OpenMode::Read)?;
    source::write_back(dm, thin, &device).with_context(|| base.full_name())?;
    let watch = WriteWatch::begin(&thin.device, &|| source::read_once(&device));
    prove_thin(given, dm, thin, &device, &base.full_name(), link)?;
    Ok((device, watch))
}

/// Grows a volume that holds the stream's base, if needed, and checks for room. What an earlier stream wrote is
/// the volume's own already.
fn ground_of(
    given: Given<'_>,
    dm: &DeviceMapper,
    made: &mut TemporarySnapshot,
    link: &Link,
    count: usize,
) -> anyhow::Result<Ground> {
    let size = link.header().target.size;
    lvm::check_extents(made.volume(), size)?;
    if size > size_before(link.header()) {
        made.resize(dm, size).context("growing it to the stream's size")?;
    }
    let thin = made.device(dm)?;
    let own = (count > 0).then_some(given.session.interrupt);
    let demand = Demand::new(link.header(), link.announces());
    space::ground(dm, &thin, &demand, own).with_context(|| link.name.clone())
}

/// Applies a stream to a volume that holds its base; `name` is its future name.
fn write_to(
    given: Given<'_>,
    dm: &DeviceMapper,
    made: &mut TemporarySnapshot,
    name: &str,
    link: &mut Link,
    ground: Ground,
) -> anyhow::Result<Totals> {
    let (before, size) = (size_before(link.header()), link.header().target.size);
    let thin = made.device(dm)?;
    let device = source::open_thin(&thin, OpenMode::WriteExclusive)?;
    let applier = Applier::new(&device, name, ground, given.session.interrupt);
    // A volume that was shrunk once can have old data after its end.
    where_mapped(given, dm, &thin, before.min(size)..size, |begin, end| applier.clear(begin, end))?;
    let totals = apply_link(given.session, link, &applier, Extras::default())?;
    // Otherwise what is cut off would stay mapped forever.
    where_mapped(given, dm, &thin, size..before.max(size), |begin, end| {
        applier.cut_off(begin, end)
    })?;
    device.sync()?;
    // An open device can be renamed, but not removed if the renaming fails.
    drop(device);
    if size < before {
        made.resize(dm, size).context("shrinking it to the stream's size")?;
    }
    Ok(totals)
}

/// The size of the volume that holds a stream's base.
fn size_before(header: &Header) -> u64 {
    // An empty volume was made with the stream's size.
    header.base.as_ref().map_or(header.target.size, |base| base.size)
}

/// Does something with a range of a volume; if it is large, only with its mapped parts.
fn where_mapped(
    given: Given<'_>,
    dm: &DeviceMapper,
    thin: &ThinDevice,
    range: std::ops::Range<u64>,
    work: impl Fn(u64, u64) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    // A smaller range is read faster than its pool is asked.
    const LARGE: u64 = 1 << 30;
    let mapped = match range.end.saturating_sub(range.start) {
        0..LARGE => None,
        _ => mapped_ranges(dm, thin, range.start, given.session.interrupt)?,
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
