//! Header and local volumes → [`Plan`]: what there is to do, from look-ups that change nothing.

use anyhow::Context;
use cli::Refusal;
use hyperlayer::{Header, Volume};
use lvm::{LogicalVolume, Scope, VolumeName, check_new_name};

use crate::info::escaped;

use crate::cli::Args;

/// What there is to do.
pub(crate) struct Plan {
    /// The volume that the stream starts from.
    pub(crate) base: LogicalVolume,
    /// The new volume's name.
    pub(crate) new: String,
    /// All volumes that there are.
    pub(crate) volumes: Vec<LogicalVolume>,
}

/// Finds the base, and makes sure that the stream can be meant for it.
pub(crate) fn look_up(args: &Args, header: &Header) -> anyhow::Result<Plan> {
    let base = base_of(header)?;
    let scope = Scope { group: args.lvgroup.as_deref(), pool: args.pool.as_deref() };
    let name = match &args.lv {
        Some(name) => VolumeName::parse(name)?,
        // A stream names a volume, not a path.
        None if base.name.contains('/') => return Err(not_a_name(&base.name)),
        None => VolumeName::parse(&base.name)?,
    };
    let volumes = LogicalVolume::list().context("the logical volumes cannot be listed")?;
    let found = name.find(&volumes, scope)?.clone();
    let pool = pool_of(&found, &volumes)?;
    let new = args.new.as_ref().unwrap_or(&header.target.name);
    check_new_name(new, &found.group, &volumes).with_context(|| match &args.new {
        Some(_) => "the new volume",
        None => "the volume's name in the stream (give another one as the last argument)",
    })?;
    check_sizes(header, &found, &pool)?;
    Ok(Plan { base: found, new: new.clone(), volumes })
}

/// The base that the header names.
pub(crate) fn base_of(header: &Header) -> anyhow::Result<&Volume> {
    header.base.as_ref().context(
        "the stream starts from nothing: full streams are not supported by this version of lvpatch",
    )
}

fn pool_of(base: &LogicalVolume, volumes: &[LogicalVolume]) -> anyhow::Result<LogicalVolume> {
    let Some(name) = base.pool.as_ref().filter(|_| base.thin_id.is_some()) else {
        return Err(Refusal::Usage(format!(
            "{} is not a thin volume: its segment type is {}",
            base.full_name(),
            base.segment_type
        ))
        .into());
    };
    let is_pool = |volume: &&LogicalVolume| volume.group == base.group && &volume.name == name;
    volumes
        .iter()
        .find(is_pool)
        .cloned()
        .with_context(|| format!("`lvs` does not list pool {}/{name}", base.group))
}

fn check_sizes(header: &Header, base: &LogicalVolume, pool: &LogicalVolume) -> anyhow::Result<()> {
    check_base_size(header, &base.full_name(), base.size)?;
    if pool.chunk_size != header.chunk_size {
        anyhow::bail!(
            "pool {} has chunks of {} bytes, but the stream comes from a pool with chunks of {}: \
             make a pool with `lvcreate --chunksize {}b`",
            pool.full_name(),
            pool.chunk_size,
            header.chunk_size,
            header.chunk_size
        );
    }
    Ok(())
}

/// Refuses a base of another size, and a stream that changes the size.
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
    if header.target.size != expected.size {
        anyhow::bail!(
            "the volume was resized from {} to {} bytes between base and target, which this \
             version of lvpatch does not support",
            expected.size,
            header.target.size
        );
    }
    Ok(())
}

fn not_a_name(name: &str) -> anyhow::Error {
    let name = escaped(name);
    Refusal::Usage(format!("the base's name in the stream is \"{name}\": name the base with -l"))
        .into()
}
