//! [`Undo`]: what was there before it was overwritten, as a stream that leads back.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;
use blockio::{AlignedBuf, Device, ReadAt, is_zero, sync_folder};
use flow::{Interrupt, Refusal};
use hyperlayer::{BaseDigest, Encoder, Header, MAX_RECORD, Volume};

/// The pair by which an undo names the logical volume that it is for.
pub(crate) const VOLUME: &str = "lvpatch.volume";

/// A new file that keeps what is overwritten.
pub(crate) struct Undo {
    path: PathBuf,
    encoder: Encoder<BufWriter<File>>,
    buf: AlignedBuf,
    /// Zeros are told by so many bytes.
    unit: usize,
}

impl Undo {
    /// Refuses a stream that cannot be undone.
    ///
    /// # Errors
    /// [`Refusal::Usage`].
    pub(crate) fn check(header: &Header) -> anyhow::Result<()> {
        base_of(header).map(drop)
    }

    /// Makes the file, for what will be overwritten: with a header that is [`reversed`], and digests of
    /// what the volume holds now, at the header's detect level.
    ///
    /// # Errors
    /// Where it exists already, or cannot be written.
    pub(crate) fn create(
        path: &Path,
        header: &Header,
        digests: &[BaseDigest],
    ) -> anyhow::Result<Self> {
        let name = || path.display().to_string();
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .with_context(|| format!("{}, which --backup would make", path.display()))?;
        let begun = || {
            let encoder = Encoder::new(BufWriter::new(file), header, digests).with_context(name)?;
            let unit = (header.chunk_size as usize).min(MAX_RECORD);
            let mut undo =
                Self { path: path.to_path_buf(), encoder, buf: AlignedBuf::new(MAX_RECORD)?, unit };
            undo.sync()?;
            sync_folder(path).with_context(name)?;
            Ok(undo)
        };
        begun().inspect_err(|_| {
            // Nothing is in it yet, and the next run would find it in its way.
            let _ = fs::remove_file(path);
        })
    }

    /// Keeps what a range of the device holds. It is safe only after [`Undo::sync`].
    pub(crate) fn keep(
        &mut self,
        device: &Device,
        offset: u64,
        length: u64,
        interrupt: &Interrupt,
    ) -> anyhow::Result<()> {
        let (mut place, end) = (offset, offset + length);
        let most = MAX_RECORD - MAX_RECORD % self.unit;
        while place < end {
            interrupt.check()?;
            let length = (end - place).min(most as u64) as usize;
            let piece = &mut self.buf[..length];
            device.read_at(place, piece).with_context(|| {
                format!("reading {length} bytes at offset {place}, to keep them")
            })?;
            write_runs(&mut self.encoder, place, &self.buf[..length], self.unit)
                .with_context(|| self.path.display().to_string())?;
            place += length as u64;
        }
        Ok(())
    }

    /// Waits until all that was kept is on stable storage.
    pub(crate) fn sync(&mut self) -> anyhow::Result<()> {
        let output = self.encoder.output();
        let done = output.flush().and_then(|()| output.get_ref().sync_data());
        done.with_context(|| self.path.display().to_string())
    }

    /// Ends the stream.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        let name = || self.path.display().to_string();
        let (output, _) = self.encoder.finish().with_context(name)?;
        output.get_ref().sync_all().with_context(name)
    }

    /// Removes the file: nothing was overwritten.
    pub(crate) fn remove(self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            log::warn!("{} could not be removed: {error}", self.path.display());
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// The stream's base, which the volume is brought back to.
fn base_of(header: &Header) -> anyhow::Result<&Volume> {
    let size_stays = header.base.as_ref().filter(|base| base.size == header.target.size);
    size_stays.ok_or_else(|| {
        Refusal::Usage(
            "there is no --backup for a full stream, or for one that changes the volume's size"
                .into(),
        )
        .into()
    })
}

/// The header of a stream that undoes another one, on the logical volume with this UUID.
///
/// # Errors
/// [`Refusal::Usage`] where that cannot be undone.
pub(crate) fn reversed(header: &Header, volume: Option<&str>) -> anyhow::Result<Header> {
    let base = base_of(header)?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Ok(Header {
        target: base.clone(),
        base: Some(header.target.clone()),
        chunk_size: header.chunk_size,
        pairs: volume.map(|uuid| (VOLUME.into(), uuid.into())).into_iter().collect(),
        detect_level: 0,
        extents: header.extents,
        changed_bytes: header.changed_bytes + header.unmapped_bytes,
        unmapped_bytes: 0,
        tool: concat!("lvpatch ", env!("CARGO_PKG_VERSION")).into(),
        created: now.map_or(0, |since| since.as_secs()),
        undo: true,
        base_origin: String::new(),
    })
}

fn write_runs(
    encoder: &mut Encoder<BufWriter<File>>,
    offset: u64,
    bytes: &[u8],
    unit: usize,
) -> Result<(), hyperlayer::Error> {
    let mut begin = 0;
    while begin < bytes.len() {
        let kind = |at: usize| is_zero(&bytes[at..(at + unit).min(bytes.len())]);
        let zero = kind(begin);
        let mut end = (begin + unit).min(bytes.len());
        while end < bytes.len() && kind(end) == zero {
            end = (end + unit).min(bytes.len());
        }
        let place = offset + begin as u64;
        match zero {
            true => encoder.zero(place, (end - begin) as u64)?,
            false => encoder.data(place, &bytes[begin..end])?,
        }
        begin = end;
    }
    Ok(())
}
