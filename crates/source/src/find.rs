//! [`find`]: which volumes of this machine names mean.

use anyhow::Context;
use flow::usage;
use lvm::{LogicalVolume, Scope, VolumeName};

use crate::classic::ClassicSource;

/// The volumes that names mean.
pub enum Found {
    /// One or two other volumes: for [`PoolSource::of`](crate::PoolSource::of).
    Other {
        /// `None` if only one was named.
        base: Option<LogicalVolume>,
        /// The new volume.
        target: LogicalVolume,
        /// All volumes of this machine.
        volumes: Vec<LogicalVolume>,
    },
    /// A classic snapshot and its origin.
    Classic(ClassicSource),
}

/// Finds the volumes of these names.
///
/// # Errors
/// If there are no such volumes, or one is a classic snapshot and the other is not its origin.
pub fn find(base: Option<&str>, target: &str, scope: &Scope) -> anyhow::Result<Found> {
    let base = base.map(VolumeName::parse).transpose()?;
    let target = VolumeName::parse(target)?;
    let names: Vec<_> = base.iter().chain([&target]).collect();
    let volumes = VolumeName::candidates(&names, scope);
    let volumes = volumes.context("the logical volumes cannot be listed")?;
    let find = |name: VolumeName| match name.find(&volumes, scope) {
        Ok(found) => Ok(found.clone()),
        Err(error) => Err(merging(&name, scope).unwrap_or_else(|| error.into())),
    };
    let (base, target) = (base.map(find).transpose()?, find(target)?);
    Ok(match ClassicSource::of(base.as_ref(), &target, &volumes)? {
        Some(classic) => Found::Classic(classic),
        None => Found::Other { base, target, volumes },
    })
}

/// The error for a volume of this name that is not listed because it is being merged.
fn merging(name: &VolumeName, scope: &Scope) -> Option<anyhow::Error> {
    let merging = LogicalVolume::merging().ok()?;
    let found = name.find(&merging, scope).ok()?;
    Some(usage(format!(
        "{} is being merged into {}, or will be when that is next activated: the difference is no \
         longer known",
        found.full_name(),
        found.origin.as_deref().unwrap_or("its origin")
    )))
}
