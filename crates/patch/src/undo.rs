//! [`Undo`]: keeps what is overwritten, as a stream that leads back.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use blockio::{AlignedBuf, ReadAt, is_zero, sync_folder};
use flow::{Interrupt, Refusal, WayOut};
use hyperlayer::{BaseDigest, Encoder, Header, Identity, MAX_RECORD, Volume};

use crate::identity::VOLUME;

/// The chunks of a sample need not be larger than this, in bytes.
const SAMPLE: u64 = 1 << 20;

/// A new file that keeps what is overwritten.
pub struct Undo {
    path: PathBuf,
    encoder: Encoder<BufWriter<File>>,
    buf: AlignedBuf,
    /// Zeros are detected in pieces of this many bytes.
    unit: usize,
}

impl Undo {
    /// Refuses a stream that cannot be undone.
    ///
    /// # Errors
    /// [`Refusal::usage`].
    pub fn check(header: &Header) -> anyhow::Result<()> {
        base_of(header).map(drop)
    }

    /// Creates the file for what will be overwritten, with a header that is [`reversed`], and digests of what
    /// the volume holds now, at the header's detect level.
    ///
    /// # Errors
    /// If it already exists, or cannot be written.
    pub fn create(path: &Path, header: &Header, digests: &[BaseDigest]) -> anyhow::Result<Self> {
        let name = || path.display().to_string();
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .with_context(|| format!("{}, the file for overwritten data", path.display()))?;
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
            // Nothing is in it yet, and it would be in the way of the next run.
            let _ = fs::remove_file(path);
        })
    }

    /// Keeps what a range of the device holds. It is safe only after [`Undo::sync`].
    ///
    /// # Errors
    /// If the device cannot be read, or the file cannot be written.
    pub fn keep(
        &mut self,
        device: &(impl ReadAt + ?Sized),
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

    /// Waits until everything kept is on stable storage.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn sync(&mut self) -> anyhow::Result<()> {
        let output = self.encoder.output();
        let done = output.flush().and_then(|()| output.get_ref().sync_data());
        done.with_context(|| self.path.display().to_string())
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn finish(self) -> anyhow::Result<()> {
        let name = || self.path.display().to_string();
        let (output, _) = self.encoder.finish().with_context(name)?;
        output.get_ref().sync_all().with_context(name)
    }

    /// Removes the file: nothing was overwritten.
    pub fn remove(self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            log::warn!("{} could not be removed: {error}", self.path.display());
        }
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The stream's base, to which the volume can be brought back.
fn base_of(header: &Header) -> anyhow::Result<&Volume> {
    let size_stays = header.base.as_ref().filter(|base| base.size == header.target.size);
    size_stays.ok_or_else(|| {
        Refusal::usage(
            "data overwritten by a full stream, or by one that changes the volume's size, cannot \
             be kept",
        )
        .but(WayOut::KeepNothing)
        .into()
    })
}

/// Digests of a base at some places, for the header of an undo.
///
/// # Errors
/// If it cannot be read.
pub fn sample(base: &(impl ReadAt + Sync), header: &Header) -> io::Result<Vec<BaseDigest>> {
    let chunk = header.chunk_size.min(SAMPLE);
    let ranges = baseproof::positions(2, header.target.size, chunk, |_| io::Result::Ok(None))?;
    baseproof::digest_ranges(base, &ranges)
}

/// The header of a stream that undoes another one, on the logical volume with this UUID. `tool` is its
/// program, and `created` its time in seconds since 1970.
///
/// # Errors
/// [`Refusal::usage`] if the stream cannot be undone.
pub fn reversed(
    header: &Header,
    volume: Option<&str>,
    tool: &str,
    created: u64,
) -> anyhow::Result<Header> {
    let base = base_of(header)?;
    Ok(Header {
        target: base.clone(),
        base: Some(header.target.clone()),
        chunk_size: header.chunk_size,
        pairs: volume.map(|uuid| (VOLUME.into(), uuid.into())).into_iter().collect(),
        detect_level: 0,
        extents: header.extents,
        changed_bytes: header.changed_bytes + header.unmapped_bytes,
        unmapped_bytes: 0,
        tool: tool.into(),
        created,
        undo: true,
        base_origin: String::new(),
        identity: Identity::default(),
        rest: false,
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
