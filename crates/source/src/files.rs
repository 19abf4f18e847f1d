//! [`FilesSource`]: two thin volumes of a pool whose metadata and data are files.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use blockio::{Device, OpenMode, ReadAhead, ReadAt, Scattered};
use flow::{Interrupt, Interruptible, Session};
use hyperlayer::{Identity, Volume};
use thinmeta::{Mappings, Metadata, ThinId, View};

use crate::changes::Side;
use crate::device::await_device;
use crate::found;
use crate::mapped_volume::MappedVolume;
use crate::pair::{Content, Names, Pair};
use crate::wants::Wants;

/// A thin volume in a pool whose metadata is a file, and optionally a base in the same pool.
pub struct FilesSource {
    /// A file, or a device that no pool uses.
    pub metadata: PathBuf,
    /// Not needed if no data is read.
    pub data: Option<PathBuf>,
    /// `None` for a diff from nothing.
    pub base: Option<ThinId>,
    /// The volume that a stream leads to.
    pub target: ThinId,
    /// The volumes' size in bytes, which the metadata does not contain; by default up to the last mapped chunk.
    pub size: Option<u64>,
    /// The base's size, if it differs.
    pub base_size: Option<u64>,
    /// Read files the way devices are read.
    pub direct: bool,
}

impl FilesSource {
    /// Opens the files, and reads what changed.
    ///
    /// # Errors
    /// If a file cannot be read, is in use by a running pool, or is damaged.
    pub fn open(&self, wants: &Wants, session: &Session<'_>) -> anyhow::Result<Pair> {
        let interrupt = session.interrupt;
        let path = &self.metadata;
        let context = || format!("metadata {}", path.display());
        for path in [Some(path), self.data.as_ref()].into_iter().flatten() {
            await_device(path, interrupt)?;
        }
        let metadata = open_metadata(path, self.direct, interrupt).with_context(context)?;
        let metadata = Arc::new(metadata);
        let chunk_size = metadata.superblock().data_block_size();
        let base = self.base.map(|base| metadata.mappings(base)).transpose()?;
        let target = metadata.mappings(self.target)?;
        let size = match self.size {
            Some(size) => size,
            None => {
                let base = base.as_ref().map_or(Ok(0), Mappings::end);
                base.and_then(|base| Ok(base.max(target.end()?))).with_context(context)?
            }
        };
        let base_size = self.base_size.unwrap_or(size);
        let side = |id, size| Side { id, size, external_origin: false };
        let base_side = self.base.map(|id| side(id, base_size));
        let target_side = side(self.target, size);
        let found = found::read(&metadata, base_side.as_ref(), &target_side, wants)
            .with_context(context)?;
        let name = |side: &Side| Volume {
            name: format!("thin-{}", side.id),
            uuid: String::new(),
            size: side.size,
        };
        let names = Names {
            base: base_side.as_ref().map(name),
            target: name(&target_side),
            base_origin: String::new(),
            identity: Identity::default(),
        };
        let base_name = self.base.map_or("nothing".into(), |id| format!("thin id {id}"));
        let what = format!("{path:?} {base_name} -> thin id {}", self.target);
        let content = match &self.data {
            // It is never read.
            None => (self.base.map(|_| nothing()), nothing()),
            Some(path) => {
                let data = Arc::new(open_data(path, self.direct)?);
                let volume = |id| -> anyhow::Result<Content> {
                    let (metadata, data) = (Arc::clone(&metadata), Arc::clone(&data));
                    let tree = metadata.mappings(id).with_context(context)?.tree();
                    Ok(Box::new(MappedVolume { metadata, tree, data, chunk_size }))
                };
                (self.base.map(volume).transpose()?, volume(self.target)?)
            }
        };
        Ok(Pair::new(names, what, found, content, Box::new(())))
    }
}

fn nothing() -> Content {
    Box::new(Vec::new())
}

/// Like [`Interruptible`], but owning its parts, so it lives as long as its readers.
pub(crate) struct Stoppable<R> {
    source: R,
    interrupt: Interrupt,
}

impl<R: ReadAt> ReadAt for Stoppable<R> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        Interruptible { source: &self.source, interrupt: &self.interrupt }.read_at(offset, buf)
    }

    fn will_read(&self, offset: u64, length: usize) {
        self.source.will_read(offset, length);
    }

    fn behind_hole(&self, offset: u64) -> io::Result<u64> {
        self.source.behind_hole(offset)
    }
}

/// A file or device that holds metadata.
type Metafile = Box<dyn ReadAt + Send + Sync>;

/// Opens metadata as the pool last committed it.
pub(crate) fn open_metadata(
    path: &Path,
    direct: bool,
    interrupt: &Interrupt,
) -> anyhow::Result<Metadata<Stoppable<Metafile>>> {
    let (source, size) = open_metafile(path, direct)?;
    let reader = Stoppable { source, interrupt: interrupt.clone() };
    Ok(Metadata::open(reader, size, View::Live)?)
}

/// A device, which may be live, is read directly, many blocks at once. An image is mostly in the page cache,
/// where that would cost more than it saves.
fn open_metafile(path: &Path, direct: bool) -> io::Result<(Metafile, u64)> {
    // A running pool holds its devices, and data read behind its back is not a consistent snapshot.
    let mode = if direct { OpenMode::ReadDirect } else { OpenMode::ReadExclusive };
    let device = Device::open(path, mode).map_err(not_of_a_running_pool)?;
    let size = device.size();
    if direct || device.is_block() {
        return Ok((Box::new(ReadAhead::new(device)), size));
    }
    Ok((Box::new(Scattered::new(device)), size))
}

fn open_data(path: &Path, direct: bool) -> anyhow::Result<Device> {
    let mode = if direct { OpenMode::ReadDirect } else { OpenMode::ReadExclusive };
    let data = Device::open(path, mode)
        .map_err(not_of_a_running_pool)
        .with_context(|| format!("data {}", path.display()))?;
    data.claim_for_reading()
        .with_context(|| format!("data {} is being written", path.display()))?;
    Ok(data)
}

fn not_of_a_running_pool(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::ResourceBusy => io::Error::new(
            error.kind(),
            "it is in use by a running pool, or mounted: name the pool's volumes instead of its files, \
             or deactivate the pool",
        ),
        _ => error,
    }
}
