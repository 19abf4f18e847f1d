//! [`NewVolume`]: base → proof → temporary snapshot → records → volume.

use anyhow::Context;
use blockio::OpenMode;
use flow::Refusal;
use hyperlayer::{Header, Records, Totals};
use lvm::{Activation, DeviceMapper, LogicalVolume, TemporarySnapshot, ThinDevice, Writes};
use streams::{Link, needs_part};

use super::{Made, Target};
use crate::apply::{Applier, Extras};
use crate::apply_link::{Stopped, apply_link, apply_part};
use crate::base::{check_identity, prove_thin, prove_watched};
use crate::demand::Demand;
use crate::given::Given;
use crate::ground::Ground;
use crate::holes::mapped_ranges;
use crate::part::{self, KeptPart};
use crate::plan::{Plan, Start};
use crate::resume::resume;
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
    /// What it is kept as if its stream ends early, if it is.
    part: Option<Part>,
}

/// A volume that holds the beginning of a stream, and no more.
struct Part {
    name: String,
    header: Header,
    /// Up to which offset, in bytes; none while that is not known.
    up_to: Option<u64>,
    /// The size that it had when this run began, in bytes.
    size: u64,
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
            // Later would be too late: it is kept when something else has gone wrong.
            if given.request.keeps_part() && given.request.resuming.part.is_none() {
                dm.check_free(plan.start.group(), &part::new_name(name, &plan)?)?;
            }
        }
        let keep_waiting = || given.session.keep_waiting();
        let (group, volumes) = (plan.start.group(), &mut plan.volumes);
        TemporarySnapshot::remove_leftovers(&dm, volumes, group, &keep_waiting)?;
        Ok(Self { made: None, given, dm, plan, last: None, part: None })
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

    /// Makes what the first stream will be applied to, once its base is proved.
    fn start(&mut self, link: &Link) -> anyhow::Result<()> {
        let (request, header) = (self.given.request, link.header());
        let (name, size) = match (&request.resuming.part, header.rest) {
            (None, true) => return Err(needs_part(&link.name).into()),
            (Some(part), false) => {
                return Err(Refusal::usage(format!(
                    "{} is a whole stream, and {part} is for the rest of one",
                    link.name
                ))
                .into());
            }
            (Some(part), true) => {
                let part = part::find(request, part, &self.plan, header)?;
                self.made = Some(resume(self.given, &self.dm, &self.plan.start, &part, link)?);
                (part.name, part.size)
            }
            (None, false) => {
                self.made = Some(make(self.given, &self.dm, &self.plan.start, link)?);
                if !request.keeps_part() {
                    return Ok(());
                }
                (part::new_name(&self.plan.name(header), &self.plan)?, size_before(header))
            }
        };
        // What was there already stays whatever happens, unless nobody knows any more what it holds.
        let up_to = link.decoder.held().last().map(|held| held.offset.saturating_add(held.length));
        self.part = Some(Part { name, header: header.clone(), up_to, size });
        Ok(())
    }

    /// Keeps what has arrived of a stream that ended early.
    fn keep_part(&mut self) -> anyhow::Result<Option<KeptPart>> {
        let Some(Part { name, header, up_to: Some(up_to), .. }) = self.part.take() else {
            return Ok(None);
        };
        let Some(made) = self.made.take() else { return Ok(None) };
        let kept = made.keep_as(&self.dm, &name, &part::tags(&header, up_to))?;
        Ok(Some(KeptPart { name: kept.full_name(), up_to }))
    }

    /// Names the volume that an error is about.
    fn full_name(&self, header: &Header) -> String {
        format!("{}/{}", self.plan.start.group(), self.plan.name(header))
    }
}

impl Target for NewVolume<'_> {
    fn begin(&mut self, link: &Link, _count: usize) -> anyhow::Result<()> {
        let Some((made, last)) = self.made.as_ref().zip(self.last.as_ref()) else {
            return self.start(link);
        };
        if link.header().rest {
            return Err(needs_part(&link.name).into());
        }
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
        // Only of the first stream: nothing else starts from the volume that the others do.
        let mut part = self.part.as_mut().filter(|_| self.last.is_none());
        // After a write that failed, nobody knows what it holds.
        let up_to = part.as_mut().and_then(|part| part.up_to.take());
        let known = part.as_ref().map_or(size_before(link.header()), |part| part.size);
        let site = Site { made, name: &name, ground, known };
        let written = write_to(self.given, &self.dm, site, link, part.is_some());
        let (totals, stopped) = written.with_context(|| full_name.clone())?;
        if let Some((error, applied)) = stopped {
            part.into_iter()
                .for_each(|part| part.up_to = Some(applied).filter(|&at| at > 0).or(up_to));
            return Err(anyhow::Error::new(error).context(link.name.clone()).context(full_name));
        }
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

    fn abandon(mut self, error: anyhow::Error, _count: usize) -> anyhow::Error {
        match self.keep_part() {
            Ok(None) => error,
            Ok(Some(kept)) => error.context(kept),
            Err(why) => {
                log::error!("what has arrived could not be kept: {why:#}");
                error
            }
        }
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
    let in_use = thin.may_be_written(dm)?;
    if in_use {
        log::warn!(
            "{} is in use: data written to it meanwhile ends up in the new volume, or means that \
             it no longer is the base",
            base.full_name()
        );
    }
    let (device, watch) = prove_watched(given, dm, &thin, base, link)?;
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
    if size > made.volume().size {
        made.resize(dm, size).context("growing it to the stream's size")?;
    }
    let thin = made.device(dm)?;
    let own = (count > 0 || link.header().rest).then_some(given.session.interrupt);
    let demand = Demand::new(link.header(), link.announces());
    space::ground(dm, &thin, &demand, own).with_context(|| link.name.clone())
}

/// Where records go: what holds their base, and what it will be called.
struct Site<'a> {
    made: &'a mut TemporarySnapshot,
    name: &'a str,
    ground: Ground,
    /// Up to which offset the volume is known to hold the base, in bytes.
    known: u64,
}

/// Applies a stream to a volume that holds its base. With `keeps_part`, what has arrived of a stream that ends early
/// is applied, and the volume is left as it is then.
fn write_to(
    given: Given<'_>,
    dm: &DeviceMapper,
    site: Site<'_>,
    link: &mut Link,
    keeps_part: bool,
) -> anyhow::Result<(Totals, Option<Stopped>)> {
    let Site { made, name, ground, known } = site;
    let (before, size) = (size_before(link.header()), link.header().target.size);
    let thin = made.device(dm)?;
    let device = source::open_thin(&thin, OpenMode::WriteExclusive)?;
    let applier = Applier::new(&device, name, ground, given.session.interrupt);
    // A volume that was shrunk once can have old data after its end.
    where_mapped(given, dm, &thin, known.min(size)..size, |begin, end| applier.clear(begin, end))?;
    let (totals, stopped) = match keeps_part {
        true => apply_part(given.session, link, &applier)?,
        false => (apply_link(given.session, link, &applier, Extras::default())?, None),
    };
    if stopped.is_none() {
        // Otherwise what is cut off would stay mapped forever.
        where_mapped(given, dm, &thin, size..before.max(size), |begin, end| {
            applier.cut_off(begin, end)
        })?;
    }
    device.sync()?;
    // An open device can be renamed, but not removed if the renaming fails.
    drop(device);
    if stopped.is_none() && size < before {
        made.resize(dm, size).context("shrinking it to the stream's size")?;
    }
    Ok((totals, stopped))
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
