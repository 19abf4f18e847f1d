//! [`Image`]: a block device or an image that is written in place, or a new image.

use std::io;
use std::path::Path;

use anyhow::Context;
use blockio::{Device, OpenMode};
use flow::{Aside, Refusal};
use hyperlayer::{Header, Totals};
use lvm::{DeviceMapper, DeviceNumber, LogicalVolume, ThinDevice};
use streams::Link;

use super::{Made, Target};
use crate::accept::accept;
use crate::base::{count_changed, exists, prove_device};
use crate::claim::{check_only_ours, hold};
use crate::demand::Demand;
use crate::given::Given;
use crate::ground::Ground;
use crate::overwrite::{Outcome, Site, after, begin_undo, warn_without_backup, write_over};
use crate::place::check_place;
use crate::space;
use crate::whole::root_of;

/// How to make something read-only writable.
pub(crate) const WRITABLE: &str = "make the device or its file system writable first (`lvchange -prw`, \
                                   `blockdev --setrw`, `losetup` without -r)";

/// A device or image, open from the first stream to the end: closing a block device lets udev look at it, and
/// closing a file drops the lock on it.
pub(crate) struct Image<'a> {
    device: Device,
    /// Its logical volume, if it is one: the tags say what it is a copy of.
    volume: Option<LogicalVolume>,
    /// A new, sparse file, which gets its name only once it is complete.
    new: Option<Aside>,
    given: Given<'a>,
    name: String,
}

impl<'a> Image<'a> {
    /// Opens what is at the path, or creates an image as large as the first stream's volume. `must_be_new`:
    /// nothing was there, and the streams have not been verified for overwriting anything.
    pub(crate) fn open(
        given: Given<'a>,
        path: &Path,
        link: &Link,
        must_be_new: bool,
    ) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let is_there = path.exists();
        if must_be_new && is_there {
            return Err(exists(&name)); // it appeared just now
        }
        let new = match link.header().base.is_none() && !is_there {
            true => Some(make(path, &name, link.header().target.size)?),
            false => None,
        };
        if new.is_none() {
            source::await_device(path, given.session.interrupt)?;
        }
        accept(given.request, 0, link)?;
        let opened = match &new {
            Some(file) => Device::open(&file.open_path(), OpenMode::WriteExclusive),
            // Nothing was there; the streams have not been verified for what may have appeared since.
            None if must_be_new => path.metadata().and(Err(io::ErrorKind::AlreadyExists.into())),
            None => Device::open(path, OpenMode::WriteExclusive),
        };
        let device = hold(&name, WRITABLE, opened.map_err(anyhow::Error::new))?;
        let volume = volume_of(&name, &device)?;
        Ok(Self { device, volume, new, given, name })
    }

    /// Whether it is nothing but a hole as large as the stream's volume.
    fn is_hole(&self, count: usize) -> bool {
        self.new.is_some() && count == 0
    }

    /// The size of the existing content, as far as it is kept, in bytes.
    fn size_before(&self, header: &Header, count: usize) -> u64 {
        match &header.base {
            _ if self.is_hole(count) => header.target.size,
            Some(base) => base.size,
            None if self.given.request.needs_proof() => header.target.size,
            None => 0, // whatever it holds is replaced
        }
    }
}

impl Target for Image<'_> {
    fn begin(&mut self, link: &Link, count: usize) -> anyhow::Result<()> {
        accept(self.given.request, count, link)?;
        if count == 0 {
            check_place(self.given, link, &self.name, self.volume.as_ref())?;
        }
        match self.is_hole(count) {
            true => Ok(()),
            false => prove_device(self.given, &self.name, &self.device, link),
        }
    }

    fn ground(&mut self, link: &Link, count: usize) -> anyhow::Result<Ground> {
        ground_of(self.given, &self.name, &self.device, link, count == 0)
    }

    fn write(&mut self, link: &mut Link, ground: Ground, count: usize) -> anyhow::Result<Totals> {
        let size = link.header().target.size;
        let before = self.size_before(link.header(), count);
        let Self { device, volume, new, given, name } = self;
        if new.is_none() && count == 0 && link.header().base.is_some() {
            warn_without_backup(*given, name, link);
        }
        // The last refusal before anything is changed.
        let undo = begin_undo(*given, link, device, volume.as_ref())?;
        let is_block = device.is_block();
        if size > device.size() {
            device.set_size(size).with_context(|| name.clone())?;
        }
        let site = Site { name, device, ground, is_new: new.is_some() };
        let stale = if is_block { before.min(size)..size } else { size..size };
        let Outcome { applied, wrote } =
            write_over(*given, volume.as_mut(), &site, link, stale, undo);
        let stays = before.max(size);
        let right_size = match (&applied, wrote) {
            (Ok(_), _) => size,
            (Err(_), false) => before,
            (Err(_), true) => stays,
        };
        if !is_block && right_size != stays {
            device.set_size(right_size).with_context(|| name.clone())?;
        }
        applied
    }

    fn root(&mut self, size: u64) -> anyhow::Result<[u8; 32]> {
        root_of(&self.device, size, self.given.session).with_context(|| self.name.clone())
    }

    fn finish(self) -> anyhow::Result<Made> {
        let Self { device, volume, new, name, .. } = self;
        drop(device);
        if let Some(file) = new {
            file.place().with_context(|| name.clone())?;
        }
        Ok(Made { name, uuid: volume.map(|volume| volume.uuid) })
    }

    fn abandon(self, error: anyhow::Error, count: usize) -> anyhow::Error {
        match &self.new {
            Some(_) => error,
            None => after(&self.name, count, error),
        }
    }
}

/// Creates a new, sparse file next to the path.
fn make(path: &Path, name: &str, size: u64) -> anyhow::Result<Aside> {
    if path.is_symlink() {
        return Err(exists(name)); // a dangling one
    }
    let file = Aside::new(path, ".lvpatch-")
        .with_context(|| format!("a file next to {name} cannot be created"))?;
    file.file().set_len(size).with_context(|| name.to_owned())?;
    Ok(file)
}

/// The ground of a device given by its path, with room for all of the stream. `is_first`: nothing has been
/// written to it since it was opened; from then on it is ours, no matter who looks at it.
pub(crate) fn ground_of(
    given: Given<'_>,
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
        None if !given.request.needs_proof() => 0..size,
        None => size..size,
    };
    let count = count_changed(given, device, link);
    let demand = Demand::new(link.header(), link.announces());
    let demand = Demand { cleared, count: Some(&count), ..demand };
    if let Some(thin) = ThinDevice::find_by_number(&dm, number)? {
        if thin.has_classic_snapshots {
            return Err(Refusal::usage(format!(
                "{name} has a classic snapshot, which the writes would fill, and a full one \
                 becomes invalid: remove it first (`lvs -o name,origin` names it)"
            ))
            .into());
        }
        return space::ground(&dm, &thin, &demand, Some(given.session.interrupt));
    }
    for thin in ThinDevice::find_below(&dm, number)? {
        space::check_below(&dm, &thin, &demand, given.session.interrupt)?;
        plain.leaves_same = link.header().undo;
    }
    Ok(plain)
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
