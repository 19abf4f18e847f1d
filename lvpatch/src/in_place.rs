//! Changes a volume, a device or an image itself: there is no snapshot to throw away.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, anyhow};
use blockio::{Device, OpenMode};
use cli::Refusal;
use hyperlayer::{Header, Records, Totals};
use lvm::{Activation, DeviceMapper, DeviceNumber, LogicalVolume, ThinDevice};

use crate::apply::{Applier, Extras};
use crate::chain::{Chain, Link, Sources};
use crate::ground::Ground;
use crate::patch::{Job, sum};
use crate::plan::{self, Start};
use crate::undo::{Undo, sync_folder};
use crate::{identity, prove, space};

/// A device or image that is open for writing.
struct Site<'a> {
    name: &'a str,
    device: &'a Device,
    ground: Ground,
}

impl Job<'_> {
    /// `--in-place`: writes onto the volume that `-l` names.
    pub(crate) fn patch_in_place(&self, sources: Sources) -> anyhow::Result<()> {
        self.verify_first(&sources)?;
        let mut chain = self.chain(sources);
        let mut link = chain.first()?;
        plan::base_of(link.header())?;
        let plan = plan::look_up(self.args, link.header())?;
        let Start::Base(mut volume) = plan.start else {
            return Err(anyhow!("the stream has a base, and none was looked up"));
        };
        self.check_identity(link.header(), &volume)?;
        let name = volume.full_name();
        let dm = DeviceMapper::open()?;
        let keep_waiting = || self.interrupt.is_absent();
        let active = Activation::ensure(&dm, &volume, &keep_waiting)?;
        let thin = ThinDevice::find(&dm, &volume)?;
        let device = cli::open_thin(&thin, OpenMode::WriteExclusive).with_context(|| {
            format!("{name} is written itself, and must not be mounted or in use")
        })?;
        self.prove(&dm, &thin, &device, &name, &link)?;
        let (mut count, mut totals) = (0, Totals::default());
        loop {
            check_size_stays(link.header())?;
            self.check_partial(link.header())?;
            let pool = thin.pool(&dm)?;
            let room = space::check(&link, &pool, &pool.status(&dm)?)?;
            let ground = Ground::of_pool(&pool, room, &link);
            let site = Site { name: &name, device: &device, ground };
            let of_link = self.write_over(&mut volume, &site, &mut link)?;
            (count, totals) = (count + 1, sum(totals, of_link));
            match self.next_in_place(&mut chain, link)? {
                None => break,
                Some(next) => link = next,
            }
            self.prove(&dm, &thin, &device, &name, &link)?;
        }
        drop(device);
        active.release()?;
        self.say_done(&name, count, &totals);
        Ok(())
    }

    /// One stream, onto the volume. Its tags say what it is a copy of only while it is one.
    fn write_over(
        &self,
        volume: &mut LogicalVolume,
        site: &Site<'_>,
        link: &mut Link,
    ) -> anyhow::Result<Totals> {
        let undo = self.undo(link)?;
        let before = volume.tags.clone();
        let others = identity::other_tags(volume);
        let (applied, wrote) = match volume.change_tags(&others) {
            Ok(()) => self.overwrite(site, link, undo),
            Err(error) => {
                if let Some(undo) = undo {
                    undo.remove();
                }
                return Err(error.into());
            }
        };
        match applied {
            Ok(totals) => {
                let own = identity::tags(link.header(), link.decoder.stream_digest());
                let tags: Vec<_> = others.into_iter().chain(own).collect();
                if let Err(error) = volume.change_tags(&tags) {
                    log::warn!("{} has no tags of what it is a copy of: {error}", site.name);
                }
                Ok(totals)
            }
            Err(error) => {
                if !wrote && let Err(error) = volume.change_tags(&before) {
                    log::warn!("{} lost its tags {}: {error}", site.name, before.join(", "));
                }
                Err(error)
            }
        }
    }

    /// `--device`: writes onto a block device or an image file, or makes one.
    pub(crate) fn patch_device(&self, path: &Path, sources: Sources) -> anyhow::Result<()> {
        self.verify_first(&sources)?;
        let mut chain = self.chain(sources);
        let link = chain.first()?;
        if link.header().base.is_none() && !path.exists() {
            return self.make_image(path, chain, link);
        }
        self.patch_path(path, &path.display().to_string(), false, chain, link)
    }

    /// A new, sparse file, which has its name only once it is complete.
    fn make_image(&self, path: &Path, chain: Chain<'_>, link: Link) -> anyhow::Result<()> {
        let name = path.display().to_string();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let file = tempfile::Builder::new()
            .prefix(".lvpatch-")
            .tempfile_in(folder.unwrap_or(Path::new(".")))
            .with_context(|| format!("a file beside {name} cannot be made"))?;
        file.as_file().set_len(link.header().target.size).with_context(|| name.clone())?;
        self.patch_path(file.path(), &name, true, chain, link)?;
        file.persist_noclobber(path).map_err(|error| error.error).with_context(|| name.clone())?;
        sync_folder(path).context(name)
    }

    /// All streams, onto what lies at `path`; `is_new` says that it is a hole as large as the first
    /// stream's volume.
    fn patch_path(
        &self,
        path: &Path,
        name: &str,
        is_new: bool,
        mut chain: Chain<'_>,
        mut link: Link,
    ) -> anyhow::Result<()> {
        let (mut count, mut totals) = (0, Totals::default());
        loop {
            let header = link.header().clone();
            self.check_partial(&header)?;
            let device = open(path, name)?;
            let size = header.target.size;
            let before = match &header.base {
                Some(_) => self.prove_path(name, &device, &link)?,
                None if is_new => size,
                None if !device.is_block() => return Err(exists(name)),
                None => 0, // whatever a device holds, it goes
            };
            // Before anything is changed, also what it may refuse.
            let undo = self.undo(&link)?;
            let device = match size > device.size() {
                false => device,
                true if device.is_block() => return Err(too_small(name, device.size(), &header)),
                true => {
                    drop(device);
                    set_size(path, size).with_context(|| name.to_owned())?;
                    open(path, name)?
                }
            };
            let ground = ground_of(&device, &header)?;
            let site = Site { name, device: &device, ground };
            Applier::new(&device, name, ground, self.interrupt).clear(before.min(size), size)?;
            let of_link = self.overwrite(&site, &mut link, undo).0?;
            (count, totals) = (count + 1, sum(totals, of_link));
            if size < before && !device.is_block() {
                drop(device);
                set_size(path, size).with_context(|| name.to_owned())?;
            }
            match self.next_in_place(&mut chain, link)? {
                None => break,
                Some(next) => link = next,
            }
        }
        self.say_done(name, count, &totals);
        Ok(())
    }

    /// Holds a device against the stream's base; yields the base's size.
    pub(crate) fn prove_path(
        &self,
        name: &str,
        device: &Device,
        link: &Link,
    ) -> anyhow::Result<u64> {
        let header = link.header();
        plan::check_base_size(header, name, size_of_volume(device, header))?;
        if !self.args.no_base_check {
            let digests = link.decoder.base_digests();
            prove::prove_checksums(name, device, link.decoder.base_checksums(), self.interrupt)
                .with_context(|| link.name.clone())?;
            prove::prove(name, device, digests, None, self.interrupt)
                .with_context(|| link.name.clone())?;
        }
        Ok(plan::base_of(header)?.size)
    }

    /// Applies one stream, keeping what it overwrites if that is wanted. Also says whether anything
    /// was written.
    fn overwrite(
        &self,
        site: &Site<'_>,
        link: &mut Link,
        mut undo: Option<Undo>,
    ) -> (anyhow::Result<Totals>, bool) {
        let applier = Applier::new(site.device, site.name, site.ground, self.interrupt);
        let extras = Extras { undo: undo.as_mut(), partial: self.args.partial };
        let applied = self.apply(link, &applier, extras).and_then(|totals| {
            site.device.sync().with_context(|| site.name.to_owned())?;
            Ok(totals)
        });
        let wrote = applier.has_written();
        let applied = match (applied, undo) {
            (Ok(totals), undo) => undo.map_or(Ok(()), Undo::finish).map(|()| totals),
            (Err(error), Some(undo)) if !wrote => {
                undo.remove();
                Err(error)
            }
            (Err(error), None) if !wrote => Err(error),
            (Err(error), undo) => {
                Err(error.context(self.way_back(site.name, undo.as_ref().map(Undo::path))))
            }
        };
        (applied, wrote)
    }

    /// The file that keeps what a stream overwrites, if that is wanted.
    fn undo(&self, link: &Link) -> anyhow::Result<Option<Undo>> {
        let Some(path) = &self.args.backup else { return Ok(None) };
        let mut header = link.header().clone();
        if !link.decoder.ascend() {
            if !self.is_ordered.get() {
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
        Undo::create(path, &header).map(Some)
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

    /// The next stream, where there is one and it can be applied in place.
    fn next_in_place(&self, chain: &mut Chain<'_>, link: Link) -> anyhow::Result<Option<Link>> {
        if self.args.partial {
            return Ok(None); // a cut is the end of the input
        }
        let next = chain.next(link)?;
        match &next {
            Some(next) if self.args.backup.is_some() => Err(Refusal::Usage(format!(
                "{} is one stream too many: --backup keeps what one stream overwrites; the streams \
                 before it are applied",
                next.name
            ))
            .into()),
            _ => Ok(next),
        }
    }

    /// A stream that can be read twice is verified whole before the first byte is written.
    fn verify_first(&self, sources: &Sources) -> anyhow::Result<()> {
        if self.args.partial || !sources.are_files()? {
            return Ok(());
        }
        sources.verify(self.args, self.until.as_ref(), self.interrupt)?;
        self.is_ordered.set(self.args.backup.is_some());
        Ok(())
    }

    fn check_partial(&self, header: &Header) -> anyhow::Result<()> {
        if self.args.partial && !header.undo {
            return Err(Refusal::Usage(
                "--partial is for a stream that --backup wrote, which this is not: a part of any other \
                 makes a volume that never was"
                    .into(),
            )
            .into());
        }
        Ok(())
    }
}

fn open(path: &Path, name: &str) -> anyhow::Result<Device> {
    Device::open(path, OpenMode::WriteExclusive)
        .with_context(|| format!("opening {name} for writing; is it mounted, or in use?"))
}

fn set_size(path: &Path, size: u64) -> std::io::Result<()> {
    File::options().write(true).open(path)?.set_len(size)
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

fn exists(name: &str) -> anyhow::Error {
    Refusal::Usage(format!(
        "{name} exists already, and a full stream makes a new file: name another one, or remove it"
    ))
    .into()
}

fn too_small(name: &str, size: u64, header: &Header) -> anyhow::Error {
    Refusal::NoSpace(format!(
        "{name} has {size} bytes, and the stream's volume {}",
        header.target.size
    ))
    .into()
}

/// The size of the volume that a device holds: a block device can be larger than that, because of
/// partitions or LVM's extents; a file is all of it.
fn size_of_volume(device: &Device, header: &Header) -> u64 {
    match &header.base {
        Some(base) if device.is_block() => device.size().min(base.size),
        _ => device.size(),
    }
}

/// What a device given by its path lies on.
fn ground_of(device: &Device, header: &Header) -> anyhow::Result<Ground> {
    let plain = Ground { chunk_size: header.chunk_size, ..Ground::default() };
    let number = DeviceNumber::from_rdev(device.rdev());
    if !device.is_block() || !Path::new(&format!("/sys/dev/block/{number}/dm")).exists() {
        return Ok(plain);
    }
    let dm = DeviceMapper::open()?;
    Ok(match ThinDevice::find_by_number(&dm, number)? {
        None => plain,
        Some(thin) => {
            let table = thin.pool(&dm)?.table;
            Ground { chunk_size: table.chunk_size, zeroes: table.zeroes, ..plain }
        }
    })
}
