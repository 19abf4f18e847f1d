//! Header and local volumes → [`Plan`]: what there is to do, from look-ups that change nothing.

use anyhow::Context;
use flow::{Refusal, escaped};
use hyperlayer::{Header, Volume};
use lvm::{LogicalVolume, Scope, VolumeName, check_new_name};

use crate::cli::Args;
use crate::place;

/// What there is to do.
pub(crate) struct Plan {
    /// What the first stream starts from.
    pub(crate) start: Start,
    /// The new volume's name, where it is not that in the stream.
    new: Option<String>,
    /// The pool's chunk size, where the stream's must be the same.
    chunk_size: Option<u64>,
    pool: String,
    /// All volumes that there are.
    pub(crate) volumes: Vec<LogicalVolume>,
}

/// What a stream starts from.
#[derive(Clone)]
pub(crate) enum Start {
    /// A volume.
    Base(LogicalVolume),
    /// Nothing, in this thin pool.
    Pool(LogicalVolume),
}

impl Start {
    /// The volume group.
    pub(crate) fn group(&self) -> &str {
        let (Self::Base(volume) | Self::Pool(volume)) = self;
        &volume.group
    }
}

impl Plan {
    /// Refuses a stream from a pool with other chunks.
    pub(crate) fn check_chunk_size(&self, header: &Header) -> anyhow::Result<()> {
        let (ours, theirs) = (self.chunk_size, header.chunk_size);
        let Some(ours) = ours.filter(|&ours| ours != theirs) else { return Ok(()) };
        anyhow::bail!(
            "pool {} has chunks of {ours} bytes, but the stream comes from a pool with chunks of \
             {theirs}: make a pool with `lvcreate --chunksize {theirs}b`, or apply it all the same \
             with --allow-chunk-mismatch",
            self.pool
        );
    }

    /// The name of the volume that a stream makes.
    pub(crate) fn name(&self, header: &Header) -> String {
        self.new.as_ref().unwrap_or(&header.target.name).clone()
    }

    /// The same, if the volume may be made.
    pub(crate) fn new_name(&self, header: &Header) -> anyhow::Result<String> {
        let new = self.name(header);
        check_new_name(&new, self.start.group(), &self.volumes).with_context(|| {
            match &self.new {
                Some(_) => "the new volume",
                None => "the volume's name in the stream (give another one as the last argument)",
            }
        })?;
        Ok(new)
    }
}

/// Finds what the first stream starts from, and makes sure that it can be meant for it.
pub(crate) fn look_up(args: &Args, header: &Header) -> anyhow::Result<Plan> {
    let volumes = LogicalVolume::list().context("the logical volumes cannot be listed")?;
    let start = match header.base {
        Some(_) => Start::Base(find_base(args, header, &volumes)?),
        None => Start::Pool(find_pool(args, &volumes)?),
    };
    let pool = match &start {
        Start::Base(base) if args.in_place => {
            refuse_under_snapshots(base, &volumes)?;
            // Without a pool there are no chunks.
            if place::is_thick(base)? { None } else { Some(pool_of(base, &volumes)?) }
        }
        Start::Base(base) => Some(pool_of(base, &volumes)?),
        Start::Pool(pool) => Some(pool.clone()),
    };
    let plan = Plan {
        start,
        new: args.new_name().map(Into::into),
        chunk_size: pool
            .as_ref()
            .map(|pool| pool.chunk_size)
            .filter(|_| !args.allow_chunk_mismatch),
        pool: pool.map_or(String::new(), |pool| pool.full_name()),
        volumes,
    };
    plan.check_chunk_size(header)?;
    Ok(plan)
}

fn find_base(
    args: &Args,
    header: &Header,
    volumes: &[LogicalVolume],
) -> anyhow::Result<LogicalVolume> {
    let base = base_of(header)?;
    let name = match &args.lv {
        Some(name) => name,
        // A stream names a volume, not a path.
        None if base.name.contains('/') => return Err(not_a_name(&base.name)),
        None => &base.name,
    };
    let found = find_volume(args, name, volumes)?;
    check_base_size(header, &found.full_name(), found.size)?;
    Ok(found.clone())
}

/// The volume that is named, within what the arguments say.
pub(crate) fn find_volume<'a>(
    args: &Args,
    name: &str,
    volumes: &'a [LogicalVolume],
) -> anyhow::Result<&'a LogicalVolume> {
    let scope = Scope::new(args.lvgroup.as_deref(), args.pool.as_deref())?;
    Ok(VolumeName::parse(name)?.find(volumes, &scope)?)
}

/// The pool that the arguments name for a full stream's volume.
pub(crate) fn find_pool(args: &Args, volumes: &[LogicalVolume]) -> anyhow::Result<LogicalVolume> {
    if let Some(base) = &args.lv {
        return Err(Refusal::Usage(format!(
            "the stream is a full one and starts from nothing, not from {base}: name the pool for \
             its volume (-g VG -p POOL), and no base"
        ))
        .into());
    }
    if args.pool.is_none() {
        let is_pool = |volume: &&LogicalVolume| volume.segment_type == "thin-pool";
        let names: Vec<_> = volumes.iter().filter(is_pool).map(LogicalVolume::full_name).collect();
        return Err(Refusal::Usage(format!(
            "the stream is a full one: name the thin pool for its volume (-g VG -p POOL); there is: \
             {}",
            names.join(", ")
        ))
        .into());
    }
    let scope = Scope::new(args.lvgroup.as_deref(), args.pool.as_deref())?;
    Ok(scope.only_pool(volumes)?.clone())
}

/// The base that the header names.
pub(crate) fn base_of(header: &Header) -> anyhow::Result<&Volume> {
    header.base.as_ref().ok_or_else(|| {
        Refusal::Usage("the stream is a full one: it starts from nothing, not from a base".into())
            .into()
    })
}

fn pool_of(base: &LogicalVolume, volumes: &[LogicalVolume]) -> anyhow::Result<LogicalVolume> {
    let Some(name) = base.pool.as_ref().filter(|_| base.thin_id.is_some()) else {
        return Err(Refusal::Usage(format!(
            "{} is not a thin volume: its segment type is {}; there is no thin snapshot to make of it, \
             but --in-place writes onto it itself",
            base.full_name(),
            base.segment_type
        ))
        .into());
    };
    volumes
        .iter()
        .find(|volume| base.is_in(volume))
        .cloned()
        .with_context(|| format!("`lvs` does not list pool {}/{name}", base.group))
}

/// Refuses to write a thin volume itself while it has classic snapshots: they keep what is overwritten,
/// and one that is full is lost; and nothing can be unmapped under them.
fn refuse_under_snapshots(base: &LogicalVolume, volumes: &[LogicalVolume]) -> anyhow::Result<()> {
    let is_on_it =
        |volume: &&LogicalVolume| volume.segment_type == "snapshot" && volume.is_snapshot_of(base);
    let Some(snapshot) = volumes.iter().find(is_on_it).filter(|_| base.thin_id.is_some()) else {
        return Ok(());
    };
    let (base, snapshot) = (base.full_name(), snapshot.full_name());
    Err(Refusal::Usage(format!(
        "{base} has a classic snapshot, {snapshot}, which would keep all that is overwritten, and is \
         lost once it is full: remove it with `lvremove {snapshot}`, or leave out --in-place"
    ))
    .into())
}

/// Refuses a base of another size.
pub(crate) fn check_base_size(header: &Header, name: &str, size: u64) -> anyhow::Result<()> {
    let expected = base_of(header)?;
    if size != expected.size {
        return Err(Refusal::BaseMismatch(format!(
            "{name} has {size} bytes, but the stream starts from {}, which has {}",
            escaped(&expected.name),
            expected.size
        ))
        .into());
    }
    Ok(())
}

fn not_a_name(name: &str) -> anyhow::Error {
    let name = escaped(name);
    Refusal::Usage(format!("the base's name in the stream is \"{name}\": name the base with -l"))
        .into()
}
