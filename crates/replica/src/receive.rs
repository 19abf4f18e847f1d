//! [`receive`]: a copy from a stream.

use std::io::Read;

use anyhow::Context;
use flow::{Refusal, Session, escaped, usage};
use jiff::Timestamp;
use lvm::LogicalVolume;
use patch::{Chunking, Destination, Making, Named, Proof, Resuming, Unfinished, Whole};
use peer::{BlockReader, Copy, Source};

use crate::arriving::apply_blocks;
use crate::place::{Place, copy, in_pool};
use crate::promote::refuse_promoted;
use crate::{PointName, partial, tag};

/// Makes a copy from the stream in `blocks`; what of it is not read stays there. What has arrived of a stream that ends
/// early stays as a partial copy.
///
/// # Errors
/// If the request is impossible, the base is not here or another one, or the stream cannot be applied. Then there
/// is no copy.
pub(crate) fn receive<R: Read + Send>(
    place: &Place,
    source: &Source,
    base: Option<&str>,
    blocks: &mut BlockReader<R>,
    session: &Session<'_>,
) -> anyhow::Result<Copy> {
    let at = check(source)?;
    let (pool, volumes) = in_pool(place)?;
    refuse_promoted(&source.of, &volumes)?;
    partial::remove_all(&source.of, &volumes)?;
    let base = base.map(|uuid| find_base(uuid, &volumes)).transpose()?;
    let made = apply(place, source, (&pool, base, None), blocks, session);
    let made = made.inspect_err(|error| settle(&pool, source, at, None, error))?;
    finish(&pool, source, at, &made)
}

/// Makes a copy from the partial one with this UUID, and the rest of its stream in `blocks`. If it cannot be
/// the beginning of that, it is removed.
///
/// # Errors
/// As [`receive`].
pub(crate) fn resume<R: Read + Send>(
    place: &Place,
    source: &Source,
    base: Option<&str>,
    partial: &str,
    blocks: &mut BlockReader<R>,
    session: &Session<'_>,
) -> anyhow::Result<Copy> {
    let at = check(source)?;
    let (pool, volumes) = in_pool(place)?;
    refuse_promoted(&source.of, &volumes)?;
    let part = partial::find(partial, source, &volumes)?;
    let made = base.map(|uuid| find_base(uuid, &volumes)).transpose().and_then(|base| {
        part.make_writable()?;
        apply(place, source, (&pool, base, Some(part)), blocks, session)
    });
    let made = made.inspect_err(|error| settle(&pool, source, at, Some(partial), error))?;
    finish(&pool, source, at, &made)
}

/// Applies the stream to a snapshot of its base or a new volume, or to a part that holds its beginning; yields the UUID
/// of the volume.
fn apply<R: Read + Send>(
    place: &Place,
    source: &Source,
    (pool, base, part): (&LogicalVolume, Option<&LogicalVolume>, Option<&LogicalVolume>),
    blocks: &mut BlockReader<R>,
    session: &Session<'_>,
) -> anyhow::Result<String> {
    let name = place.allowance.copy_name(&source.name);
    let request = patch::Request {
        destination: Destination::NewVolume(Making::One(Some(name))),
        named: Named {
            group: Some(pool.group.clone()),
            pool: Some(pool.name.clone()),
            volume: base.map(|base| base.name.clone()),
        },
        proof: Proof::Needed,
        chunks: Chunking::Same,
        whole: Whole::Taken,
        resuming: Resuming {
            part: part.map(|part| part.name.clone()),
            unfinished: Unfinished::Kept,
        },
        size: None,
        tool: place.program.clone(),
    };
    let done = apply_blocks(&request, part.is_some(), blocks, session)?;
    done.made.uuid.context("nothing was made")
}

/// Makes a complete copy what copies are.
fn finish(
    pool: &LogicalVolume,
    source: &Source,
    at: Timestamp,
    uuid: &str,
) -> anyhow::Result<Copy> {
    let find = || -> anyhow::Result<LogicalVolume> {
        let volumes = LogicalVolume::list_in(&pool.group)?;
        let made = volumes.into_iter().find(|volume| volume.uuid == uuid);
        made.with_context(|| format!("the copy of {} in {} is gone", source.name, pool.group))
    };
    find()?.lay_aside(&tag::of_point(&source.of, at))?;
    copy(&find()?).filter(|copy| copy.source == source.uuid).ok_or_else(|| {
        Refusal::base_mismatch(format!("the stream is not of {}", source.name)).into()
    })
}

/// As [`partial::settle`]; that this fails is a warning, since the error says more.
fn settle(
    pool: &LogicalVolume,
    source: &Source,
    at: Timestamp,
    resumed: Option<&str>,
    error: &anyhow::Error,
) {
    if let Err(why) = partial::settle(&pool.group, source, at, resumed, error) {
        log::warn!("what has arrived of {}: {why:#}", source.name);
    }
}

/// Nothing that the other side says is used before this.
fn check(source: &Source) -> anyhow::Result<Timestamp> {
    let name = PointName::parse(&source.name)
        .filter(|name| name.volume() == source.volume && name.at().as_second() == source.at);
    let Some(name) = name else {
        return Err(usage(format!(
            "{} is not the name of a point of {} at that time",
            escaped(&source.name),
            escaped(&source.volume)
        )));
    };
    for uuid in [&source.of, &source.uuid] {
        if !tag::is_uuid(uuid) {
            return Err(usage(format!("{} is not a UUID of LVM's", escaped(uuid))));
        }
    }
    Ok(name.at())
}

/// The copy that a stream starts from.
fn find_base<'v>(uuid: &str, volumes: &'v [LogicalVolume]) -> anyhow::Result<&'v LogicalVolume> {
    let is_it = |volume: &&LogicalVolume| patch::source_of(volume) == Some(uuid);
    let mut found = volumes.iter().filter(is_it);
    match (found.next(), found.next()) {
        (Some(base), None) => Ok(base),
        (None, _) => Err(Refusal::base_mismatch(format!(
            "there is no copy here of the volume with UUID {}",
            escaped(uuid)
        ))
        .into()),
        (Some(one), Some(other)) => Err(Refusal::unfit(format!(
            "{} and {} say both that they are a copy of the volume with UUID {}",
            one.full_name(),
            other.full_name(),
            escaped(uuid)
        ))
        .into()),
    }
}
