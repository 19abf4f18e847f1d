//! Whether a base would be accepted, from the header and the digests.

use std::path::Path;

use anyhow::Context;
use blockio::{Device, OpenMode};
use flow::{Kind, Refusal, Session};
use lvm::{Activation, DeviceMapper, LogicalVolume, PoolDevice, check_extents};
use streams::{Chain, Link, Rules, Sources};

use crate::accept::accept;
use crate::base::{check_identity, count_changed, prove_device};
use crate::claim::not_ours;
use crate::demand::Demand;
use crate::given::{Given, undo_files};
use crate::lookup::look_up;
use crate::place::{OwnDevice, check_place};
use crate::plan::{Plan, Start};
use crate::request::{Destination, Request};
use crate::space;
use crate::target::image::{WRITABLE, ground_of, volume_of};
use crate::target::in_place::open_device;

/// What would be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The volume that the first stream leads to, as the stream names it.
    pub target: String,
    /// Where it would be applied.
    pub place: AcceptedPlace,
}

/// Where a stream would be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AcceptedPlace {
    /// On this volume, device or image, or on a snapshot of it.
    On(String),
    /// In this pool, as a new volume.
    InPool(String),
}

/// Says whether the first stream would be applied; changes nothing.
///
/// # Errors
/// If it would not be, as [`apply`](crate::apply()).
pub fn check(
    request: &Request,
    rules: &Rules<'_>,
    sources: Sources,
    session: &Session<'_>,
) -> anyhow::Result<Accepted> {
    let undo_files = undo_files(request, &sources, session.interrupt)?;
    let given = Given { request, session, undo_files: &undo_files };
    let link = Chain::new(sources, rules, session.interrupt).first()?;
    let place = match &request.destination {
        Destination::Path(path, _) => check_path(given, path, &link)?,
        _ => check_volume(given, &link)?,
    };
    Ok(Accepted { target: link.header().target.name.clone(), place })
}

/// For a volume of this machine, or a pool.
fn check_volume(given: Given<'_>, link: &Link) -> anyhow::Result<AcceptedPlace> {
    let request = given.request;
    let plan = look_up(request, link.header()).with_context(|| link.name.clone())?;
    if request.is_in_place() {
        accept(request, 0, link)?;
    } else if request.new_name().is_some() || link.is_named() {
        let named = plan.new_name(link.header()).with_context(|| link.name.clone());
        named.map_err(|error| wrong_base(given, link, &plan).unwrap_or(error))?;
    }
    let dm = DeviceMapper::open()?;
    match &plan.start {
        Start::Base(base) => check_base(given, &dm, link, base),
        Start::Pool(pool) => check_pool(&dm, link, pool),
    }
}

/// The error for a base that is not the stream's, where another error was found first: of the two, this is the one
/// that says what to do. `None` for the right base, or where only all of it would tell.
pub(crate) fn wrong_base(given: Given<'_>, link: &Link, plan: &Plan) -> Option<anyhow::Error> {
    let Start::Base(base) = &plan.start else { return None };
    if link.header().detect_level == 3 || given.request.is_in_place() {
        return None;
    }
    let dm = DeviceMapper::open().ok()?;
    let is_mismatch = |error: &anyhow::Error| {
        let refusal = error.chain().find_map(|cause| cause.downcast_ref::<Refusal>());
        refusal.is_some_and(|refusal| refusal.kind() == Kind::BaseMismatch)
    };
    check_base(given, &dm, link, base).err().filter(is_mismatch)
}

fn check_base(
    given: Given<'_>,
    dm: &DeviceMapper,
    link: &Link,
    base: &LogicalVolume,
) -> anyhow::Result<AcceptedPlace> {
    let (name, is_in_place) = (base.full_name(), given.request.is_in_place());
    match is_in_place {
        true => check_place(given, link, &name, Some(base))?,
        false => check_identity(given, link, base)?,
    }
    check_extents(base, link.header().target.size)?;
    // A volume into which another is being merged can neither be written in place nor get a snapshot.
    lvm::refuse_merge(base)?;
    let active = Activation::ensure(dm, base, &|| given.session.keep_waiting())?;
    let place = OwnDevice::find(dm, base)?;
    let device = match is_in_place {
        true => open_device(dm, &place, &name)?,
        false => place.open(OpenMode::Read)?,
    };
    place.write_back(dm, &device).with_context(|| name.clone())?;
    place.prove(given, dm, &device, &name, link)?;
    let in_place = is_in_place.then_some(given.session.interrupt);
    place
        .ground(dm, link, in_place, &count_changed(given, &device, link))
        .with_context(|| link.name.clone())?;
    drop(device);
    active.release()?;
    Ok(AcceptedPlace::On(name))
}

fn check_pool(
    dm: &DeviceMapper,
    link: &Link,
    pool: &LogicalVolume,
) -> anyhow::Result<AcceptedPlace> {
    check_extents(pool, link.header().target.size)?;
    // A pool that is not active has no status; it becomes active with the first volume.
    if let Some(device) = PoolDevice::find(dm, pool)? {
        let demand = Demand::new(link.header(), link.announces());
        space::check_pool(&device, device.status(dm)?, &demand)
            .with_context(|| link.name.clone())?;
    }
    Ok(AcceptedPlace::InPool(pool.full_name()))
}

/// For a device or an image.
fn check_path(given: Given<'_>, path: &Path, link: &Link) -> anyhow::Result<AcceptedPlace> {
    accept(given.request, 0, link)?;
    let name = path.display().to_string();
    if link.header().base.is_some() || path.exists() {
        source::await_device(path, given.session.interrupt)?;
        let device = Device::open(path, OpenMode::Read).with_context(|| name.clone())?;
        let free = device.check_writable(path).and_then(|()| device.check_claim());
        free.map_err(|error| not_ours(&name, WRITABLE, error.into()))?;
        let volume = volume_of(&name, &device)?;
        check_place(given, link, &name, volume.as_ref())?;
        prove_device(given, &name, &device, link)?;
        // Others having it open now is no reason to refuse: that is checked when the stream is applied.
        ground_of(given, &name, &device, link, false).with_context(|| link.name.clone())?;
    }
    Ok(AcceptedPlace::On(name))
}
