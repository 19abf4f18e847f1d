//! Header and local volumes → [`Plan`].

use anyhow::Context;
use flow::{Refusal, WayOut, escaped};
use hyperlayer::Header;
use lvm::{LogicalVolume, Scope, SegmentType, VolumeName};

use crate::place::is_thick;
use crate::plan::{Plan, Start};
use crate::request::{Chunking, Request};
use crate::size::{base_of, check_base_size};

/// Finds what the first stream starts from, and checks that the stream can be meant for it.
pub(crate) fn look_up(request: &Request, header: &Header) -> anyhow::Result<Plan> {
    let volumes = list(request)?;
    let start = match header.base {
        Some(_) => Start::Base(find_base(request, header, &volumes)?),
        None => Start::Pool(find_pool(request, &volumes)?),
    };
    let pool = match &start {
        Start::Base(base) if request.is_in_place() => {
            refuse_under_snapshots(base, &volumes)?;
            // Without a pool there are no chunks.
            if is_thick(base)? { None } else { Some(pool_of(base, &volumes)?) }
        }
        Start::Base(base) => Some(pool_of(base, &volumes)?),
        Start::Pool(pool) => Some(pool.clone()),
    };
    let plan = Plan {
        start,
        new: request.new_name().map(Into::into),
        chunk_size: pool
            .as_ref()
            .map(|pool| pool.chunk_size)
            .filter(|_| request.chunks == Chunking::Same),
        pool: pool.map_or(String::new(), |pool| pool.full_name()),
        volumes,
    };
    plan.check_chunk_size(header)?;
    Ok(plan)
}

/// The volumes of the named group, or all if none is named.
pub(crate) fn list(request: &Request) -> anyhow::Result<Vec<LogicalVolume>> {
    let scope = scope(request)?;
    let name = request.named.volume.as_deref().map(VolumeName::parse).transpose()?;
    let names: Vec<_> = name.iter().collect();
    VolumeName::candidates(&names, &scope).context("the logical volumes cannot be listed")
}

fn find_base(
    request: &Request,
    header: &Header,
    volumes: &[LogicalVolume],
) -> anyhow::Result<LogicalVolume> {
    let base = base_of(header)?;
    let name = match &request.named.volume {
        Some(name) => name,
        // A stream names a volume, not a path.
        None if base.name.contains('/') => return Err(not_a_name(&base.name)),
        None => &base.name,
    };
    let found = find_volume(request, name, volumes)?;
    check_base_size(header, &found.full_name(), found.size)?;
    Ok(found.clone())
}

/// Finds a volume by name, within the scope of the arguments.
pub(crate) fn find_volume<'a>(
    request: &Request,
    name: &str,
    volumes: &'a [LogicalVolume],
) -> anyhow::Result<&'a LogicalVolume> {
    let scope = scope(request)?;
    Ok(VolumeName::parse(name)?.find(volumes, &scope)?)
}

/// The pool that the arguments name for a full stream's volume.
pub(crate) fn find_pool(
    request: &Request,
    volumes: &[LogicalVolume],
) -> anyhow::Result<LogicalVolume> {
    if let Some(base) = &request.named.volume {
        return Err(Refusal::usage(format!(
            "the stream is a full one and starts from nothing, not from {base}: it needs a pool for \
             its volume, and no base"
        ))
        .but(WayOut::NamePool)
        .into());
    }
    let scope = scope(request)?;
    let pools = scope.pools(volumes)?;
    // A group with one pool says enough; a machine with one does not: another may be meant.
    if request.named.pool.is_none() && (scope.group().is_none() || pools.len() != 1) {
        let names: Vec<_> = pools.iter().map(|pool| pool.full_name()).collect();
        let names = if names.is_empty() { "none".into() } else { names.join(", ") };
        return Err(Refusal::usage(format!(
            "the stream is a full one, and its volume needs a thin pool; the thin pools here: {names}"
        ))
        .but(WayOut::NamePool)
        .into());
    }
    Ok(scope.only_pool(volumes)?.clone())
}

fn pool_of(base: &LogicalVolume, volumes: &[LogicalVolume]) -> anyhow::Result<LogicalVolume> {
    let Some(name) = base.pool.as_ref().filter(|_| base.thin_id.is_some()) else {
        return Err(Refusal::usage(format!(
            "{} is not a thin volume: its segment type is {}; no thin snapshot can be made of it",
            base.full_name(),
            base.segment_type
        ))
        .but(WayOut::WriteInPlace)
        .into());
    };
    volumes
        .iter()
        .find(|volume| base.is_in(volume))
        .cloned()
        .with_context(|| format!("`lvs` does not list pool {}/{name}", base.group))
}

/// Refuses to write a thin volume in place while it has classic snapshots: they keep what is overwritten, and
/// one that is full is lost; and nothing can be unmapped under them.
fn refuse_under_snapshots(base: &LogicalVolume, volumes: &[LogicalVolume]) -> anyhow::Result<()> {
    let is_on_it = |volume: &&LogicalVolume| {
        volume.segment_type == SegmentType::Snapshot && volume.is_snapshot_of(base)
    };
    let Some(snapshot) = volumes.iter().find(is_on_it).filter(|_| base.thin_id.is_some()) else {
        return Ok(());
    };
    let (base, snapshot) = (base.full_name(), snapshot.full_name());
    Err(Refusal::usage(format!(
        "{base} has a classic snapshot, {snapshot}, which would keep everything overwritten, and \
         becomes invalid once full: remove it with `lvremove {snapshot}`, or make a new volume"
    ))
    .but(WayOut::MakeNewVolume)
    .into())
}

fn not_a_name(name: &str) -> anyhow::Error {
    let name = escaped(name);
    Refusal::usage(format!("the base's name in the stream is \"{name}\""))
        .but(WayOut::NameBase)
        .into()
}

fn scope(request: &Request) -> anyhow::Result<Scope> {
    let named = &request.named;
    Ok(Scope::new(named.group.as_deref(), named.pool.as_deref())?)
}
