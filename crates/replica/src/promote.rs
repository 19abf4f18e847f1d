//! [`promote`]: a writable volume from a copy, after which no new points of the copy's volume are taken.

use anyhow::Context;
use flow::{Refusal, Session, escaped, usage};
use lvm::{DeviceMapper, LogicalVolume};

use crate::tag;

/// Nothing is taken of a volume a copy of which has been promoted: whoever writes to the new volume must not find that
/// the old one goes on beside it.
#[derive(Debug, thiserror::Error)]
#[error(
    "no new points are taken here of the volume with UUID {of}: {new} was made of its copy {copy}, to be used in its place"
)]
pub struct IsPromoted {
    of: String,
    /// The copy, with its group.
    pub copy: String,
    /// The volume that was made of it, with its group.
    pub new: String,
}

/// Makes an active, writable volume `new` of a copy, in its pool. The copy stays, and from then on no new points of its
/// volume are taken into that pool. If it fails, all is as it was.
///
/// # Errors
/// If it is no copy of a point, or promoted already, or the name is taken; whatever LVM reports.
pub fn promote(
    copy: &LogicalVolume,
    new: &str,
    session: &Session<'_>,
) -> anyhow::Result<LogicalVolume> {
    let name = copy.full_name();
    if tag::partial(copy).is_some() {
        return Err(usage(format!("{name} is not complete")));
    }
    if patch::source_of(copy).is_none() || tag::point(copy).is_none() {
        return Err(usage(format!("{name} is not a copy of a point of another volume")));
    }
    let volumes = LogicalVolume::list_in(&copy.group)?;
    if let Some(uuid) = tag::promoted(copy) {
        let new = named(uuid, &volumes);
        return Err(
            Refusal::unfit(format!("{name} was promoted already: {new} was made of it")).into()
        );
    }
    lvm::check_new_name(new, &copy.group, &volumes)?;
    let dm = DeviceMapper::open()?;
    let made = copy.take_writable_snapshot(&dm, new, &|| session.keep_waiting())?;
    // The tag comes before anyone can write to the volume: if this ends in the middle, there is none in use whose
    // copy does not say so.
    let promoted = [tag::of_promoted(&made.uuid)];
    let undone = |error: lvm::Error| {
        for undone in [copy.retag(&[], &promoted), made.remove()] {
            if let Err(left) = undone {
                log::warn!("of {} something is left: {left}", made.full_name());
            }
        }
        anyhow::Error::from(error)
    };
    copy.retag(&promoted, &[]).map_err(undone).with_context(|| format!("a tag of {name}"))?;
    made.start(&dm).map_err(undone)?;
    Ok(made)
}

/// Lets new points of the copy's volume be taken again; what was made of the copy stays as it is.
///
/// # Errors
/// If it was not promoted; whatever LVM reports.
pub fn release(copy: &LogicalVolume) -> anyhow::Result<()> {
    let Some(uuid) = tag::promoted(copy) else {
        return Err(usage(format!("{} was not promoted", copy.full_name())));
    };
    Ok(copy.retag(&[], &[tag::of_promoted(uuid)])?)
}

/// Makes sure that new points of a volume may be taken into the pool that has these volumes.
pub(crate) fn refuse_promoted(of: &str, volumes: &[LogicalVolume]) -> anyhow::Result<()> {
    let is_of = |copy: &&LogicalVolume| tag::point(copy).is_some_and(|(other, _)| other == of);
    let mut promoted =
        volumes.iter().filter(is_of).filter_map(|copy| Some((copy, tag::promoted(copy)?)));
    match promoted.next() {
        None => Ok(()),
        Some((copy, uuid)) => {
            // It need not be among those that the other side may know about: whoever promoted the copy chose its name.
            let new = named(uuid, &LogicalVolume::list_in(&copy.group)?);
            Err(IsPromoted { of: escaped(of), copy: copy.full_name(), new }.into())
        }
    }
}

/// The name of the volume with this UUID.
fn named(uuid: &str, volumes: &[LogicalVolume]) -> String {
    let volume = volumes.iter().find(|volume| volume.uuid == uuid);
    volume.map_or_else(
        || format!("a volume with UUID {}, which is gone by now,", escaped(uuid)),
        LogicalVolume::full_name,
    )
}
