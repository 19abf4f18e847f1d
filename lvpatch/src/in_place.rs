//! `--in-place`: writes onto a volume itself, and what `--device` shares with that: there is no snapshot
//! to throw away.

use std::io::ErrorKind;
use std::ops::Range;
use std::path::Path;

use crate::patch::Job;
use crate::place::{self, Place};
use crate::plan::{self, Start};
use anyhow::{Context, anyhow};
use blockio::{Device, OpenMode};
use flow::Refusal;
use hyperlayer::{Header, Records, Totals};
use lvm::{Activation, DeviceMapper, DeviceNumber, LogicalVolume, TemporarySnapshot};
use patch::undo::Undo;
use patch::{Applier, Extras, Ground, identity, undo};
use streams::{Chain, Link, Sources, Tally};

/// What makes an undo, for its header.
const TOOL: &str = concat!("lvpatch ", env!("CARGO_PKG_VERSION"));

/// A device or image that is open for writing.
pub(crate) struct Site<'a> {
    pub(crate) name: &'a str,
    pub(crate) device: &'a Device,
    pub(crate) ground: Ground,
    /// A file that nobody has seen yet: whatever fails, it goes.
    pub(crate) is_new: bool,
}

impl Job<'_> {
    /// `--in-place`: writes onto the volume that `-l` names.
    pub(crate) fn patch_in_place(&self, sources: Sources) -> anyhow::Result<()> {
        let ascends = self.verify_first(&sources)?;
        self.note_undo(&sources)?;
        let mut chain = self.chain(sources).ascends(ascends);
        let mut link = chain.first()?;
        self.accept_in_place(0, &link)?;
        let mut plan =
            plan::look_up(self.args, link.header()).with_context(|| link.name.clone())?;
        let Start::Base(mut volume) = plan.start.clone() else {
            return Err(anyhow!("the stream has a base, and none was looked up"));
        };
        let name = volume.full_name();
        self.check_place(&link, &name, Some(&volume))?;
        let dm = DeviceMapper::open()?;
        let keep_waiting = || self.interrupt.is_absent();
        let (group, volumes) = (plan.start.group(), &mut plan.volumes);
        TemporarySnapshot::remove_leftovers(&dm, volumes, group, &keep_waiting)?;
        let active = Activation::ensure(&dm, &volume, &keep_waiting)?;
        let place = Place::find(&dm, &volume)?;
        let device = self.open_in_place(&dm, &place, &name)?;
        let mut done = Tally::default();
        loop {
            let step = || -> anyhow::Result<Ground> {
                self.accept_in_place(done.streams, &link)?;
                plan.check_chunk_size(link.header())?;
                self.prove_place(&dm, &place, &device, &name, &link)?;
                let count = self.count_changed(&device, &link);
                place.ground(&dm, &link, Some(self.interrupt), &count)
            };
            let ground = step()
                .with_context(|| link.name.clone())
                .map_err(|error| after(&name, done.streams, error))?;
            let site = Site { name: &name, device: &device, ground, is_new: false };
            let of_link = self
                .undo(&link, &device, Some(&volume))
                .and_then(|undo| self.write_over(Some(&mut volume), &site, &mut link, 0..0, undo).0)
                .map_err(|error| after(&name, done.streams, error))?;
            done.add(&link, of_link);
            match self
                .next_in_place(&mut chain, link)
                .map_err(|error| after(&name, done.streams, error))?
            {
                None => break,
                Some(next) => link = next,
            }
        }
        drop(device);
        active.release()?;
        self.say_done(&name, &done);
        Ok(())
    }

    /// Opens a volume that is to be written itself.
    pub(crate) fn open_in_place(
        &self,
        dm: &DeviceMapper,
        place: &Place,
        name: &str,
    ) -> anyhow::Result<Device> {
        let device = hold(
            name,
            &format!(
                "make it writable with `lvchange -prw {name}`, or see read_only_volume_list in lvm.conf"
            ),
            place.open(OpenMode::WriteExclusive),
        )?;
        check_only_ours(dm, name, DeviceNumber::from_rdev(device.rdev()))?;
        Ok(device)
    }

    /// One stream. A logical volume's tags say what it is a copy of only while it is one. Also says
    /// whether anything was written.
    pub(crate) fn write_over(
        &self,
        volume: Option<&mut LogicalVolume>,
        site: &Site<'_>,
        link: &mut Link,
        stale: Range<u64>,
        undo: Option<Undo>,
    ) -> (anyhow::Result<Totals>, bool) {
        let Some(volume) = volume else { return self.overwrite(site, link, stale, undo) };
        let before = volume.tags.clone();
        let others = identity::other_tags(volume);
        let is_copy = others.len() < before.len();
        // After a power cut the tags must not be there again, over bytes that are others by then.
        let untagged = volume.change_tags(&others).and_then(|()| match is_copy {
            true => lvm::sync_group(volume),
            false => Ok(()),
        });
        let (applied, wrote) = match untagged {
            Ok(()) => self.overwrite(site, link, stale, undo),
            Err(error) => {
                if let Some(undo) = undo {
                    undo.remove();
                }
                (Err(error.into()), false)
            }
        };
        match &applied {
            Ok(_) => {
                // A part of a stream makes nothing that could be said.
                let digest = link.decoder.stream_digest();
                let own = digest.map(|digest| identity::tags(link.header(), Some(digest)));
                let tags: Vec<_> = others.into_iter().chain(own.unwrap_or_default()).collect();
                if let Err(error) = volume.change_tags(&tags) {
                    log::warn!("{} has no tags of what it is a copy of: {error}", site.name);
                }
            }
            Err(_) if wrote => {}
            Err(_) => {
                if let Err(error) = volume.change_tags(&before) {
                    log::warn!("{} lost its tags {}: {error}", site.name, before.join(", "));
                }
            }
        }
        (applied, wrote)
    }

    /// Checks a stream against what is known of the place that it is to be written to: `volume` is the
    /// logical volume there, if it is one.
    pub(crate) fn check_place(
        &self,
        link: &Link,
        name: &str,
        volume: Option<&LogicalVolume>,
    ) -> anyhow::Result<()> {
        if let Some(volume) = volume {
            place::is_thick(volume)?;
            // What is written to a merge's origin is lost once that is activated next.
            lvm::refuse_merge(volume)?;
            self.check_identity(link, volume)?;
        }
        match identity::check_undo(link.header(), name, volume) {
            Err(error) if self.args.no_base_check => log::warn!("{error}"),
            checked => checked.with_context(|| link.name.clone())?,
        }
        Ok(())
    }

    /// Applies one stream, keeping what it overwrites if that is wanted, after the range `stale` has
    /// been cleared. Also says whether anything was written.
    pub(crate) fn overwrite(
        &self,
        site: &Site<'_>,
        link: &mut Link,
        stale: Range<u64>,
        mut undo: Option<Undo>,
    ) -> (anyhow::Result<Totals>, bool) {
        let applier = Applier::new(site.device, site.name, site.ground.clone(), self.interrupt);
        let extras = Extras { undo: undo.as_mut(), partial: self.args.partial };
        let cleared = match stale.is_empty() {
            true => Ok(()),
            false => applier.clear(stale.start, stale.end),
        };
        let applied =
            cleared.and_then(|()| self.apply(link, &applier, extras)).and_then(|totals| {
                site.device.sync().with_context(|| site.name.to_owned())?;
                Ok(totals)
            });
        let wrote = applier.has_written();
        let applied = match (applied, undo) {
            (Ok(totals), undo) => undo
                .map_or(Ok(()), Undo::finish)
                .with_context(|| {
                    format!("{} is what the stream says, but its backup has no end", site.name)
                })
                .map(|()| totals),
            (Err(error), Some(undo)) if !wrote => {
                undo.remove();
                Err(error)
            }
            (Err(error), None) if !wrote || site.is_new => Err(error),
            (Err(error), undo) => {
                Err(error.context(self.way_back(site.name, undo.as_ref().map(Undo::path))))
            }
        };
        (applied, wrote)
    }

    /// The file that keeps what a stream overwrites, if that is wanted: `device` holds the base, and
    /// `volume` is the logical volume that it is, if it is one.
    pub(crate) fn undo(
        &self,
        link: &Link,
        device: &Device,
        volume: Option<&LogicalVolume>,
    ) -> anyhow::Result<Option<Undo>> {
        let Some(path) = &self.args.backup else { return Ok(None) };
        let mut header = link.header().clone();
        if !link.decoder.ascend() {
            if !link.ascends {
                return Err(Refusal::Usage(
                    "--backup needs a stream of another tool in a file, because its records may come \
                     in any order"
                        .into(),
                )
                .into());
            }
            // Nobody knows how much it is.
            (header.changed_bytes, header.unmapped_bytes) = (header.target.size, 0);
        }
        let uuid = volume.map(|volume| volume.uuid.as_str());
        let created = (self.session.clock)();
        let mut header = undo::reversed(&header, uuid, TOOL, created)?;
        // What the base was proved by proves later that it is back.
        let is_proved = !self.args.no_base_check && !link.header().undo;
        let (level, digests) = match link.header().detect_level {
            level @ 2..=3 if is_proved && link.decoder.foreign().is_none() => {
                (level, link.decoder.base_digests().to_vec())
            }
            _ => (2, undo::sample(device, &header).context("the base cannot be read")?),
        };
        header.detect_level = if digests.is_empty() { 0 } else { level };
        Undo::create(path, &header, &digests).map(Some)
    }

    /// For an error after which a part is applied.
    fn way_back(&self, name: &str, undo: Option<&Path>) -> String {
        let changed = format!("{name} may be changed in part");
        let Some(undo) = undo.map(Path::display) else {
            return format!("{changed} (there is no snapshot here, and no --backup was made)");
        };
        let target = match &self.args.device {
            Some(path) => format!("--device {}", path.display()),
            None => format!("--in-place -l {name}"),
        };
        format!("{changed}; `lvpatch {target} --partial -i {undo}` brings back what was there")
    }

    /// The next stream, where there is one, once all of this one is applied.
    pub(crate) fn next_in_place(
        &self,
        chain: &mut Chain<'_>,
        link: Link,
    ) -> anyhow::Result<Option<Link>> {
        match self.args.partial && link.decoder.stream_digest().is_none() {
            true => chain.end_cut(&link.name).map(|()| None),
            false => chain.next(link),
        }
    }

    /// A stream that can be read twice is verified whole before the first byte is written. Yields whether
    /// its records were found to ascend.
    pub(crate) fn verify_first(&self, sources: &Sources) -> anyhow::Result<bool> {
        if !sources.are_files()? {
            return Ok(false);
        }
        streams::accept_all(sources, &self.rules, self.interrupt, |count, link| {
            self.accept_in_place(count, link)
        })?;
        Ok(self.rules.must_ascend)
    }

    /// Refuses what cannot be done in place, as far as a stream's header tells. `count` streams come
    /// before it.
    pub(crate) fn accept_in_place(&self, count: usize, link: &Link) -> anyhow::Result<()> {
        let header = link.header();
        if self.args.in_place {
            check_size_stays(header)?;
        }
        if self.args.partial && !header.undo {
            return Err(Refusal::Usage(
                "--partial is for a stream that --backup wrote, which this is not: a part of any \
                 other makes a volume that never was"
                    .into(),
            )
            .into());
        }
        if self.args.backup.is_none() {
            return Ok(());
        }
        Undo::check(header)?;
        if count > 0 {
            return Err(Refusal::Usage(format!(
                "{} is one stream too many: --backup keeps what one stream overwrites",
                link.name
            ))
            .into());
        }
        Ok(())
    }
}

/// Says of an error that streams before it are applied.
pub(crate) fn after(name: &str, count: usize, error: anyhow::Error) -> anyhow::Error {
    match count {
        0 => error,
        1 => error.context(format!("the first stream is applied to {name}, the second is not")),
        count => error.context(format!("the first {count} streams are applied to {name}")),
    }
}

/// Holds what has been opened for writing, and says why it could not be; `writable` says how what is
/// read-only becomes writable.
pub(crate) fn hold(
    name: &str,
    writable: &str,
    opened: anyhow::Result<Device>,
) -> anyhow::Result<Device> {
    let opened = opened.and_then(|mut device| {
        device.claim()?;
        Ok(device)
    });
    opened.map_err(|error| not_ours(name, writable, error))
}

/// Says what is the matter with what is to be written itself; `writable` says how what is read-only
/// becomes writable.
pub(crate) fn not_ours(name: &str, writable: &str, error: anyhow::Error) -> anyhow::Error {
    let kind = error.root_cause().downcast_ref().map(std::io::Error::kind);
    error.context(match kind {
        Some(ErrorKind::ReadOnlyFilesystem) => {
            format!("{name} is written itself, and is read-only: {writable}")
        }
        Some(ErrorKind::PermissionDenied) => {
            format!(
                "{name} is written itself, and is not writable: see its permissions, and lsattr(1)"
            )
        }
        _ => format!("{name} is written itself, and must not be mounted or in use"),
    })
}

/// Refuses a device that somebody else has open: a virtual machine or a database does not hold it
/// exclusively. To be asked while it is open here.
pub(crate) fn check_only_ours(
    dm: &DeviceMapper,
    name: &str,
    number: DeviceNumber,
) -> anyhow::Result<()> {
    let open_count = dm.device_by_number(number)?.open_count;
    anyhow::ensure!(
        open_count <= 1,
        "{name} is written itself, and must not be mounted or in use: it is open {open_count} times, \
         and only once here"
    );
    Ok(())
}

fn check_size_stays(header: &Header) -> anyhow::Result<()> {
    let base = plan::base_of(header)?;
    if base.size == header.target.size {
        return Ok(());
    }
    Err(Refusal::Usage(format!(
        "the stream changes the volume's size from {} to {} bytes, which is not done in place: leave \
         out --in-place, and a new volume of that size is made",
        base.size, header.target.size
    ))
    .into())
}
