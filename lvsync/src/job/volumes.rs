//! [`find`]: the volumes of a job.

use std::collections::HashMap;

use anyhow::Context;
use flow::usage;
use lvm::{LogicalVolume, Scope, VolumeName};
use replica::tag;

use super::names::matches;
use crate::config::{Job, Named};

/// The volumes that a job names, in the order in which it names them.
pub(super) fn find(job: &Job) -> anyhow::Result<Vec<LogicalVolume>> {
    let volumes = LogicalVolume::list()?;
    let mut found: HashMap<String, ()> = HashMap::new();
    let mut all = Vec::new();
    for named in &job.volumes {
        for volume in find_named(named, &volumes)? {
            if found.insert(volume.uuid.clone(), ()).is_none() {
                all.push(volume.clone());
            }
        }
    }
    Ok(all)
}

fn find_named<'v>(
    named: &Named,
    volumes: &'v [LogicalVolume],
) -> anyhow::Result<Vec<&'v LogicalVolume>> {
    let Named { name, place } = named;
    if name.contains(['*', '?']) {
        // Points and copies have longer names than their volumes, which a pattern could match.
        let is_it = |volume: &&LogicalVolume| {
            let is_source = volume.thin_id.is_some() && tag::point(volume).is_none();
            is_source && matches(name, &volume.full_name())
        };
        let found: Vec<_> = volumes.iter().filter(is_it).collect();
        return match found.is_empty() {
            true => Err(usage(format!("{place}: no thin volume matches {name:?}"))),
            false => Ok(found),
        };
    }
    let volume =
        VolumeName::parse(name)?.find(volumes, &Scope::default()).with_context(|| place.clone())?;
    match volume.thin_id {
        Some(_) => Ok(vec![volume]),
        None => Err(usage(format!(
            "{place}: {name} is not a thin volume: its segment type is {}",
            volume.segment_type
        ))),
    }
}
