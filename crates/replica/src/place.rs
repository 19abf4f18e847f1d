//! [`Place`]: where copies are made, and what is there.

use lvm::{LogicalVolume, Scope};
use peer::Copy;

use crate::{Allowance, tag};

/// Where copies are made.
#[derive(Clone, Debug)]
pub struct Place {
    /// The pool.
    pub pool: Scope,
    /// What the other side may do there.
    pub allowance: Allowance,
    /// This program and its version.
    pub program: String,
    /// The exit code for an error.
    pub exit_code: fn(&anyhow::Error) -> u8,
    /// What leads out of an error, in the words of this program.
    pub way_out: fn(&anyhow::Error) -> Option<String>,
}

/// The pool, and the volumes in it that the other side may know about.
pub(crate) fn in_pool(place: &Place) -> anyhow::Result<(LogicalVolume, Vec<LogicalVolume>)> {
    let mut volumes = match place.pool.group() {
        Some(group) => LogicalVolume::list_in(group)?,
        None => LogicalVolume::list()?,
    };
    let pool = place.pool.only_pool(&volumes)?.clone();
    volumes.retain(|volume| volume.is_in(&pool) && place.allowance.sees(&volume.name));
    Ok((pool, volumes))
}

/// What a volume is a copy of; none if it is no copy that stays as it is.
pub(crate) fn copy(volume: &LogicalVolume) -> Option<Copy> {
    if tag::is_placed(volume) {
        return None;
    }
    let (of, at) = match tag::point(volume) {
        Some((of, at)) => (of.to_owned(), at.as_second()),
        None => (String::new(), 0),
    };
    Some(Copy {
        of,
        source: patch::source_of(volume)?.to_owned(),
        at,
        name: volume.full_name(),
        uuid: volume.uuid.clone(),
        size: volume.size,
        pool: volume.pool_uuid.clone().unwrap_or_default(),
    })
}
