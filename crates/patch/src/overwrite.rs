//! Writes in place: there is no snapshot to throw away.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use anyhow::Context;
use blockio::Device;
use flow::{Refusal, WayOut};
use hyperlayer::{Records, Totals};
use lvm::LogicalVolume;
use streams::Link;

use crate::apply::{Applier, Extras};
use crate::apply_link::apply_link;
use crate::given::Given;
use crate::ground::Ground;
use crate::identity;
use crate::request::{Cut, Destination};
use crate::undo::{self, Undo};

/// A device or image that is open for writing.
pub(crate) struct Site<'a> {
    pub(crate) name: &'a str,
    pub(crate) device: &'a Device,
    pub(crate) ground: Ground,
    /// It is a file that nobody has seen yet, and that is removed if anything fails.
    pub(crate) is_new: bool,
}

/// The outcome of writing a stream over existing data.
pub(crate) struct Outcome {
    pub(crate) applied: anyhow::Result<Totals>,
    /// Whether anything was written.
    pub(crate) wrote: bool,
}

/// Applies one stream. A logical volume's tags say what it is a copy of only while it is one.
pub(crate) fn write_over(
    given: Given<'_>,
    volume: Option<&mut LogicalVolume>,
    site: &Site<'_>,
    link: &mut Link,
    stale: Range<u64>,
    undo: Option<Undo>,
) -> Outcome {
    let Some(volume) = volume else { return overwrite(given, site, link, stale, undo) };
    let before = volume.tags.clone();
    let others = identity::other_tags(volume);
    let is_copy = others.len() < before.len();
    // After a power cut the tags must not reappear over bytes that have changed by then.
    let untagged = volume.change_tags(&others).and_then(|()| match is_copy {
        true => lvm::sync_group(volume),
        false => Ok(()),
    });
    let outcome = match untagged {
        Ok(()) => overwrite(given, site, link, stale, undo),
        Err(error) => {
            if let Some(undo) = undo {
                undo.remove();
            }
            Outcome { applied: Err(error.into()), wrote: false }
        }
    };
    match &outcome.applied {
        Ok(_) => {
            // Part of a stream makes nothing that tags could name.
            let digest = link.decoder.stream_digest();
            let own = digest.map(|digest| identity::tags(link.header(), Some(digest)));
            let tags: Vec<_> = others.into_iter().chain(own.unwrap_or_default()).collect();
            if let Err(error) = volume.change_tags(&tags) {
                log::warn!("{} has no tags that say what it is a copy of: {error}", site.name);
            }
        }
        Err(_) if outcome.wrote => {}
        Err(_) => {
            if let Err(error) = volume.change_tags(&before) {
                log::warn!("{} lost its tags {}: {error}", site.name, before.join(", "));
            }
        }
    }
    outcome
}

/// Clears the range `stale`, and then applies one stream, keeping what it overwrites if that is wanted.
fn overwrite(
    given: Given<'_>,
    site: &Site<'_>,
    link: &mut Link,
    stale: Range<u64>,
    mut undo: Option<Undo>,
) -> Outcome {
    let applier =
        Applier::new(site.device, site.name, site.ground.clone(), given.session.interrupt);
    let extras = Extras { undo: undo.as_mut(), partial: given.request.cut() == Cut::Applied };
    let cleared = match stale.is_empty() {
        true => Ok(()),
        false => applier.clear(stale.start, stale.end),
    };
    let applied = cleared
        .and_then(|()| apply_link(given.session, link, &applier, extras))
        .and_then(|totals| {
            site.device.sync().with_context(|| site.name.to_owned())?;
            Ok(totals)
        });
    let wrote = applier.has_written();
    let applied = match (applied, undo) {
        (Ok(totals), undo) => undo
            .map_or(Ok(()), Undo::finish)
            .with_context(|| {
                format!("{} is complete, but its backup could not be finished", site.name)
            })
            .map(|()| totals),
        (Err(error), Some(undo)) if !wrote => {
            undo.remove();
            Err(error)
        }
        (Err(error), None) if !wrote || site.is_new => Err(error),
        (Err(error), undo) => {
            let (name, kept) = (site.name.to_owned(), undo.map(|undo| undo.path().to_owned()));
            let is_path = matches!(given.request.destination, Destination::Path(..));
            Err(error.context(ChangedInPart { name, is_path, kept }))
        }
    };
    Outcome { applied, wrote }
}

/// Creates the file that keeps what a stream overwrites, if that is wanted: `device` holds the base, and
/// `volume` is the device's logical volume, if it is one.
pub(crate) fn begin_undo(
    given: Given<'_>,
    link: &Link,
    device: &Device,
    volume: Option<&LogicalVolume>,
) -> anyhow::Result<Option<Undo>> {
    let Some(path) = given.request.backup() else { return Ok(None) };
    let mut header = link.header().clone();
    if !link.decoder.ascend() {
        if !link.ascends {
            return Err(Refusal::usage(
                "what a stream of another tool overwrites can be kept only if the stream is in a \
                 file, because its records may come in any order",
            )
            .but(WayOut::ReadFileToKeep)
            .into());
        }
        // How much that will be is unknown.
        (header.changed_bytes, header.unmapped_bytes) = (header.target.size, 0);
    }
    let uuid = volume.map(|volume| volume.uuid.as_str());
    let created = (given.session.clock)();
    let mut header = undo::reversed(&header, uuid, &given.request.tool, created)?;
    // What proved the base will later prove that it is back.
    let is_proved = given.request.needs_proof() && !link.header().undo;
    let (level, digests) = match link.header().detect_level {
        level @ 2..=3 if is_proved && link.decoder.foreign().is_none() => {
            (level, link.decoder.base_digests().to_vec())
        }
        _ => (2, undo::sample(device, &header).context("the base cannot be read")?),
    };
    header.detect_level = if digests.is_empty() { 0 } else { level };
    Undo::create(path, &header, &digests).map(Some)
}

/// What is left after an error that followed the first write: the context of that error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedInPart {
    /// The volume's name, or the path of a device or an image.
    pub name: String,
    /// Whether it is a path.
    pub is_path: bool,
    /// The cut stream that leads back to what was there.
    pub kept: Option<PathBuf>,
}

impl fmt::Display for ChangedInPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, kept, .. } = self;
        match kept {
            Some(path) => {
                write!(f, "{name} may be partly changed; {} keeps what was there", path.display())
            }
            None => write!(
                f,
                "{name} may be partly changed (there is no snapshot, and nothing was kept)"
            ),
        }
    }
}

/// What is there after an error that followed the end of a stream: the context of that error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedBefore {
    /// The volume's name, or the path of a device or an image.
    name: String,
    /// How many streams were applied.
    count: usize,
}

impl fmt::Display for AppliedBefore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, count } = self;
        match count {
            1 => write!(f, "the first stream is applied to {name}, the second is not"),
            count => write!(f, "the first {count} streams are applied to {name}"),
        }
    }
}

/// Adds to an error that earlier streams are applied.
pub(crate) fn after(name: &str, count: usize, error: anyhow::Error) -> anyhow::Error {
    match count {
        0 => error,
        count => error.context(AppliedBefore { name: name.into(), count }),
    }
}

/// Says so if a place is written to and nothing keeps what is overwritten. What an undo overwrites, the stream has.
pub(crate) fn warn_without_backup(given: Given<'_>, name: &str, link: &Link) {
    if given.request.backup().is_none() && !link.header().undo {
        log::warn!(
            "{name} is written in place without a backup: if the run ends early, part of the stream \
             stays applied, and nothing leads back"
        );
    }
}
