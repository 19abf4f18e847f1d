//! Partial copies: what has arrived of streams that ended early, on the side that has the copies.

use anyhow::Context;
use flow::{Refusal, escaped, is_interruption};
use jiff::Timestamp;
use lvm::LogicalVolume;
use patch::{KeptPart, part_of};
use peer::{Partial, Source};

use crate::tag;

/// The partial copies of a volume's points, and those of certain snapshots, which could lack our tags.
pub(crate) fn all(volumes: &[LogicalVolume], of: &str, snapshots: &[String]) -> Vec<Partial> {
    let partial = |volume: &LogicalVolume| {
        let (source, up_to) = part_of(volume)?;
        let point = tag::point(volume);
        let is_wanted = point.is_some_and(|(origin, _)| origin == of)
            || snapshots.iter().any(|uuid| uuid == source);
        let base = volumes.iter().find(|other| volume.is_snapshot_of(other));
        is_wanted.then(|| Partial {
            source: source.to_owned(),
            at: point.map_or(0, |(_, at)| at.as_second()),
            base: base.and_then(patch::source_of).map(str::to_owned),
            up_to,
            name: volume.full_name(),
            uuid: volume.uuid.clone(),
        })
    };
    volumes.iter().filter_map(partial).collect()
}

/// The partial copy of a point with this UUID.
pub(crate) fn find<'v>(
    uuid: &str,
    source: &Source,
    volumes: &'v [LogicalVolume],
) -> anyhow::Result<&'v LogicalVolume> {
    let is_it = |volume: &&LogicalVolume| {
        volume.uuid == uuid && part_of(volume).is_some_and(|(of, _)| of == source.uuid)
    };
    volumes.iter().find(is_it).ok_or_else(|| {
        let uuid = escaped(uuid);
        Refusal::base_mismatch(format!(
            "there is no partial copy of {} with UUID {uuid}",
            source.name
        ))
        .into()
    })
}

/// Removes the partial copies of a volume's points: the other side sends another point, so it cannot complete them.
pub(crate) fn remove_all(of: &str, volumes: &[LogicalVolume]) -> anyhow::Result<()> {
    let is_one = |volume: &&LogicalVolume| {
        part_of(volume).is_some() && tag::point(volume).is_some_and(|(origin, _)| origin == of)
    };
    for partial in volumes.iter().filter(is_one) {
        let name = partial.full_name();
        partial.remove().with_context(|| name.clone())?;
        log::warn!("{name} is removed: the other side does not send the rest of it");
    }
    Ok(())
}

/// Decides what becomes of a partial copy when a stream has ended in an error: one that [`KeptPart`] tells of is laid
/// aside, and so is the one `resumed`, unless it is not what the stream needs.
pub(crate) fn settle(
    group: &str,
    source: &Source,
    at: Timestamp,
    resumed: Option<&str>,
    error: &anyhow::Error,
) -> anyhow::Result<()> {
    let kept = error.downcast_ref::<KeptPart>();
    if kept.is_none() && resumed.is_none() {
        return Ok(());
    }
    let is_it = |volume: &LogicalVolume| match kept {
        Some(kept) => volume.full_name() == kept.name,
        None => resumed == Some(volume.uuid.as_str()),
    };
    let volumes = LogicalVolume::list_in(group)?;
    let Some(partial) =
        volumes.into_iter().find(|volume| is_it(volume) && part_of(volume).is_some())
    else {
        return Ok(());
    };
    let name = partial.full_name();
    if is_kept(error) {
        log::info!("{name} stays: the rest can be sent later");
        return Ok(partial.lay_aside(&tag::of_partial(&source.uuid, &source.of, at))?);
    }
    partial.remove().with_context(|| name.clone())?;
    log::warn!("{name} is removed: it is not the beginning of what is sent");
    Ok(())
}

/// Whether what has arrived of a stream stays after this error.
pub(crate) fn is_kept(error: &anyhow::Error) -> bool {
    error.downcast_ref::<KeptPart>().is_some() || has_ended(error)
}

/// Whether the stream ended before it could be told whether it fits.
fn has_ended(error: &anyhow::Error) -> bool {
    let stream = error.downcast_ref::<hyperlayer::Error>();
    is_interruption(error)
        || matches!(stream, Some(hyperlayer::Error::Cut { .. } | hyperlayer::Error::Io(_)))
}
