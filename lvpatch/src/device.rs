//! `--device`: writes onto a block device or an image file itself, or makes an image.

use std::path::Path;

use crate::in_place::{Site, after, check_only_ours, hold};
use crate::patch::Job;
use crate::plan;
use anyhow::Context;
use blockio::{Device, OpenMode};
use flow::{Aside, Refusal};
use hyperlayer::{Header, Records, Totals};
use lvm::{DeviceMapper, DeviceNumber, LogicalVolume, ThinDevice};
use patch::{Demand, Ground, mapped_ranges, prove, space};
use streams::{Chain, Link, Sources, Tally};

impl Job<'_> {
    /// `--device`: writes onto a block device or an image file, or makes one.
    pub(crate) fn patch_device(&self, path: &Path, sources: Sources) -> anyhow::Result<()> {
        let ascends = self.verify_first(&sources)?;
        self.note_undo(&sources)?;
        let mut chain = self.chain(sources).ascends(ascends);
        let link = chain.first()?;
        if link.header().base.is_none() && !path.exists() {
            return self.make_image(path, chain, link);
        }
        source::await_device(path, self.interrupt)?;
        let name = path.display().to_string();
        let done = self.patch_path(path, &name, false, chain, link)?;
        self.say_done(&name, &done);
        Ok(())
    }

    /// A new, sparse file, which has its name only once it is complete.
    fn make_image(&self, path: &Path, chain: Chain<'_>, link: Link) -> anyhow::Result<()> {
        let name = path.display().to_string();
        if path.is_symlink() {
            return Err(exists(&name)); // one that leads nowhere
        }
        let file = Aside::new(path, ".lvpatch-")
            .with_context(|| format!("a file beside {name} cannot be made"))?;
        file.file().set_len(link.header().target.size).with_context(|| name.clone())?;
        let done = self.patch_path(&file.open_path(), &name, true, chain, link)?;
        file.place().with_context(|| name.clone())?;
        self.say_done(&name, &done);
        Ok(())
    }

    /// All streams, onto what lies at `path`; `is_new` says that it is a hole as large as the first
    /// stream's volume. Yields how many there were, and what was in them.
    fn patch_path(
        &self,
        path: &Path,
        name: &str,
        is_new: bool,
        mut chain: Chain<'_>,
        mut link: Link,
    ) -> anyhow::Result<Tally> {
        let mut done = Tally::default();
        let mut opened = None;
        loop {
            let mut step = || -> anyhow::Result<Totals> {
                self.accept_in_place(done.streams, &link)?;
                let (on, is_first) = match &mut opened {
                    Some(on) => (on, false),
                    none => (none.insert(OnPath::open(path, name)?), true),
                };
                let news =
                    News { file: is_new, hole: is_new && done.streams == 0, opened: is_first };
                self.patch_path_once(on, name, &news, &mut link)
            };
            let of_link = step()
                .map_err(|error| if is_new { error } else { after(name, done.streams, error) })?;
            done.add(&link, of_link);
            let next = self.next_in_place(&mut chain, link);
            match next
                .map_err(|error| if is_new { error } else { after(name, done.streams, error) })?
            {
                None => break,
                Some(next) => link = next,
            }
        }
        Ok(done)
    }

    /// One stream.
    fn patch_path_once(
        &self,
        on: &mut OnPath,
        name: &str,
        news: &News,
        link: &mut Link,
    ) -> anyhow::Result<Totals> {
        let size = link.header().target.size;
        let OnPath { device, volume } = on;
        if news.opened {
            self.check_place(link, name, volume.as_ref())?;
        }
        let before = match news.hole {
            true => size,
            false => self.prove_path(name, device, link)?,
        };
        let ground = self.ground_of(name, device, link, news.opened)?;
        // The last of what can be refused before anything is changed.
        let undo = self.undo(link, device, volume.as_ref())?;
        let is_block = device.is_block();
        if size > device.size() {
            device.set_size(size).with_context(|| name.to_owned())?;
        }
        let site = Site { name, device, ground, is_new: news.file };
        let stale = if is_block { before.min(size)..size } else { size..size };
        let (applied, wrote) = self.write_over(volume.as_mut(), &site, link, stale, undo);
        let stays = before.max(size);
        let right_size = match (&applied, wrote) {
            (Ok(_), _) => size,
            (Err(_), false) => before,
            (Err(_), true) => stays,
        };
        if !is_block && right_size != stays {
            device.set_size(right_size).with_context(|| name.to_owned())?;
        }
        applied
    }

    /// Holds a device against the stream's base, and its size against that of the stream's volume; yields
    /// the base's size. A full stream's base is nothing: zeros, and on a block device only.
    pub(crate) fn prove_path(
        &self,
        name: &str,
        device: &Device,
        link: &Link,
    ) -> anyhow::Result<u64> {
        let header = link.header();
        let Some(base) = &header.base else {
            if !device.is_block() {
                return Err(exists(name));
            }
            check_fits(name, device, header)?;
            if !self.args.no_base_check {
                prove::empty(name, device, header.target.size, self.interrupt)?;
                return Ok(header.target.size);
            }
            return Ok(0); // whatever it holds, it goes
        };
        plan::check_base_size(header, name, size_of_volume(device, header))
            .with_context(|| link.name.clone())?;
        if header.undo {
            self.prove_undo(None, name, device, link)?;
        } else if !self.args.no_base_check {
            let digests = link.decoder.base_digests();
            prove::prove_checksums(name, device, link.decoder.base_checksums(), self.interrupt)
                .with_context(|| link.name.clone())?;
            let mapped = match header.detect_level {
                3 => self.mapped_at(device)?,
                _ => None,
            };
            prove::prove(name, device, digests, mapped.as_deref(), self.interrupt)
                .with_context(|| link.name.clone())?;
        }
        check_fits(name, device, header)?;
        Ok(base.size)
    }

    /// What is mapped in a device, if it is a thin volume's, so that its holes need not be read.
    fn mapped_at(&self, device: &Device) -> anyhow::Result<Option<Vec<blockio::Range>>> {
        let number = DeviceNumber::from_rdev(device.rdev());
        if !device.is_block() || !number.is_volume() {
            return Ok(None);
        }
        let dm = DeviceMapper::open()?;
        match ThinDevice::find_by_number(&dm, number)? {
            Some(thin) => mapped_ranges(&dm, &thin, 0, self.interrupt),
            None => Ok(None),
        }
    }

    /// What a device given by its path lies on, with room for all of the stream. `is_first`: nothing was
    /// written to it since it was opened; from then on it is ours, whoever looks at it.
    pub(crate) fn ground_of(
        &self,
        name: &str,
        device: &Device,
        link: &Link,
        is_first: bool,
    ) -> anyhow::Result<Ground> {
        let mut plain = Ground::plain(link.header());
        let number = DeviceNumber::from_rdev(device.rdev());
        if !device.is_block() {
            return Ok(plain);
        }
        let is_dm = Path::new(&format!("/sys/dev/block/{number}/dm")).exists();
        let dm = match DeviceMapper::open() {
            Err(_) if !is_dm => return Ok(plain), // there may be no device-mapper
            opened => opened?,
        };
        if is_first && is_dm {
            check_only_ours(&dm, name, number)?;
        }
        let size = link.header().target.size;
        let cleared = match &link.header().base {
            Some(base) => base.size.min(size)..size,
            None if self.args.no_base_check => 0..size,
            None => size..size,
        };
        let count = self.count_changed(device, link);
        let demand = Demand::new(link.header(), link.announces());
        let demand = Demand { cleared, count: Some(&count), ..demand };
        if let Some(thin) = ThinDevice::find_by_number(&dm, number)? {
            if thin.has_classic_snapshots {
                return Err(Refusal::Usage(format!(
                    "{name} has a classic snapshot, which what is written would fill, and a full one \
                     is lost: remove it first (`lvs -o name,origin` names it)"
                ))
                .into());
            }
            return space::ground(&dm, &thin, &demand, Some(self.interrupt));
        }
        for thin in ThinDevice::find_below(&dm, number)? {
            space::check_below(&dm, &thin, &demand, self.interrupt)?;
            plain.leaves_same = link.header().undo;
        }
        Ok(plain)
    }
}

/// How what is read-only becomes writable.
pub(crate) const WRITABLE: &str = "make the device or its file system writable first (`lvchange -prw`, \
                                   `blockdev --setrw`, `losetup` without -r)";

/// What lies at a path, open from the first stream to the end: whoever closes a block device lets udev
/// look at it, and a lock is gone with the file that it is on.
struct OnPath {
    device: Device,
    /// The logical volume that it is, if it is one: its tags say what it is a copy of.
    volume: Option<LogicalVolume>,
}

/// What is new at the moment.
struct News {
    /// The file: nobody has seen it yet.
    file: bool,
    /// All that it holds: it is a hole as large as the stream's volume.
    hole: bool,
    /// That it is open: nothing was written to it since.
    opened: bool,
}

impl OnPath {
    fn open(path: &Path, name: &str) -> anyhow::Result<Self> {
        let opened = Device::open(path, OpenMode::WriteExclusive).map_err(anyhow::Error::new);
        let device = hold(name, WRITABLE, opened)?;
        let volume = volume_of(name, &device)?;
        Ok(Self { device, volume })
    }
}

/// The logical volume whose device this is, if it is one.
pub(crate) fn volume_of(name: &str, device: &Device) -> anyhow::Result<Option<LogicalVolume>> {
    let number = DeviceNumber::from_rdev(device.rdev());
    if !device.is_block() || !number.is_volume() {
        return Ok(None);
    }
    let volumes = LogicalVolume::list().with_context(|| {
        format!("{name} is a logical volume, and its tags may say what it is a copy of")
    })?;
    let found = volumes.into_iter().find(|volume| volume.is_device(number));
    if found.is_none() {
        log::warn!(
            "{name} is a logical volume that `lvs` does not list: if it has tags that say what it is a \
             copy of, they stay"
        );
    }
    Ok(found)
}

fn exists(name: &str) -> anyhow::Error {
    Refusal::Usage(format!(
        "{name} exists already, and a full stream makes a new file: name another one, or remove it"
    ))
    .into()
}

/// A file grows, a block device does not.
fn check_fits(name: &str, device: &Device, header: &Header) -> anyhow::Result<()> {
    if !device.is_block() || header.target.size <= device.size() {
        return Ok(());
    }
    Err(Refusal::NoSpace(format!(
        "{name} has {} bytes, and the stream's volume {}",
        device.size(),
        header.target.size
    ))
    .into())
}

/// The size of the volume that a device holds: a block device can be larger than that, because of
/// partitions or LVM's extents; a file is all of it.
fn size_of_volume(device: &Device, header: &Header) -> u64 {
    match &header.base {
        Some(base) if device.is_block() => device.size().min(base.size),
        _ => device.size(),
    }
}
