//! [`Sources`]: where streams come from.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use anyhow::Context;
use flow::Interrupt;
use foreign::{Checksum, Summed};
use hyperlayer::{Decoder, Header, Outline, Records};

/// Where streams come from: files and inputs that are already open, one after another.
#[derive(Default)]
pub struct Sources {
    all: Vec<NamedInput>,
}

/// Something that streams come from.
pub(crate) struct NamedInput {
    pub(crate) name: String,
    file: File,
    /// The checksum its bytes must have.
    checksum: Option<Checksum>,
    /// How many bytes of it are meant, if not all.
    length: Option<u64>,
    /// Its path: for a virtnbdbackup stream, the name and the neighbouring files say more.
    pub(crate) path: Option<PathBuf>,
}

impl NamedInput {
    /// The same source again, at the same place.
    fn again(&self) -> io::Result<Self> {
        let (name, checksum, path) = (self.name.clone(), self.checksum.clone(), self.path.clone());
        Ok(Self { name, file: again(&self.file)?, checksum, length: self.length, path })
    }

    pub(crate) fn has_checksum(&self) -> bool {
        self.checksum.is_some()
    }

    pub(crate) fn reader(self) -> impl Read + Send + 'static {
        flow::widen_pipe(&self.file);
        Summed::new(self.file, self.checksum).take(self.length.unwrap_or(u64::MAX))
    }
}

impl Sources {
    /// Opens the file at `path` as the next one. Opening a FIFO waits for its other end, or for a signal.
    ///
    /// # Errors
    /// If it cannot be opened, or the file next to it is not a valid checksum.
    pub fn open(&mut self, path: &Path, interrupt: &Interrupt) -> anyhow::Result<()> {
        let name = path.display().to_string();
        let file = flow::open(File::options().read(true), path, interrupt)
            .with_context(|| name.clone())?;
        let checksum = Checksum::beside(path, &file)?;
        self.all.push(NamedInput { name, file, checksum, length: None, path: Some(path.into()) });
        Ok(())
    }

    /// Opens a part of a file as the next one: the stream with this number, if there are several.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(crate) fn open_part(
        &mut self,
        path: &Path,
        number: Option<usize>,
        range: Range<u64>,
        interrupt: &Interrupt,
    ) -> anyhow::Result<()> {
        let name = path.display().to_string();
        let of_part = || -> io::Result<File> {
            let mut file = flow::open(File::options().read(true), path, interrupt)?;
            file.seek(SeekFrom::Start(range.start))?;
            Ok(file)
        };
        let file = of_part().with_context(|| name.clone())?;
        let name = number.map_or(name.clone(), |number| format!("{name}, stream {number}"));
        let length = Some(range.end.saturating_sub(range.start));
        self.all.push(NamedInput { name, file, checksum: None, length, path: None });
        Ok(())
    }

    /// Adds an already open file, such as standard input, as the next one; messages call it `name`.
    pub fn take(&mut self, name: &str, file: File) {
        self.all.push(NamedInput {
            name: name.into(),
            file,
            checksum: None,
            length: None,
            path: None,
        });
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether all sources can be read twice.
    ///
    /// # Errors
    /// If a source's type cannot be determined.
    pub fn are_files(&self) -> anyhow::Result<bool> {
        for NamedInput { name, file, .. } in &self.all {
            if !file.metadata().with_context(|| name.clone())?.is_file() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// All sources once more; they must be files.
    ///
    /// # Errors
    /// If one of them cannot be opened again.
    pub(crate) fn again(&self) -> anyhow::Result<Self> {
        let all = self.all.iter().map(NamedInput::again).collect::<io::Result<_>>();
        Ok(Self { all: all.context("opening the input a second time")? })
    }

    /// All sources once more, as files with their names; they must be files.
    ///
    /// # Errors
    /// If one of them cannot be opened again.
    pub fn files_again(&self) -> anyhow::Result<Vec<(String, File)>> {
        Ok(self.again()?.all.into_iter().map(|source| (source.name, source.file)).collect())
    }

    /// The last stream's header, if it can be known in advance: only for files.
    ///
    /// # Errors
    /// If the last file cannot be opened again.
    pub fn last_header(&self) -> anyhow::Result<Option<Header>> {
        let Some(NamedInput { name, file, length, .. }) = self.all.last() else { return Ok(None) };
        if !self.are_files()? {
            return Ok(None);
        }
        let mut file = again(file).with_context(|| name.clone())?;
        if length.is_some() {
            // It holds one stream.
            return Ok(Decoder::new(file).ok().map(|decoder| decoder.header().clone()));
        }
        // Any problem with it is reported when its turn comes.
        let outlines = Outline::all(&mut file).unwrap_or_default();
        Ok(outlines.into_iter().last().map(|outline| outline.header))
    }

    pub(crate) fn into_iter(self) -> std::vec::IntoIter<NamedInput> {
        self.all.into_iter()
    }
}

/// The same file at the same position. Reopened, because a reader that reads ahead would keep moving a
/// shared position.
fn again(file: &File) -> io::Result<File> {
    let mut place = file;
    let mut again = File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    again.seek(SeekFrom::Start(place.stream_position()?))?;
    Ok(again)
}
