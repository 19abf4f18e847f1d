//! [`Sources`]: where streams come from.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use anyhow::Context;
use flow::Interrupt;
use foreign::{Checksum, Summed};
use hyperlayer::{Header, Outline};

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
    /// Its path: for a virtnbdbackup stream, the name and the neighbouring files say more.
    pub(crate) path: Option<PathBuf>,
}

impl NamedInput {
    /// The same source again, at the same place.
    fn again(&self) -> io::Result<Self> {
        let (name, checksum, path) = (self.name.clone(), self.checksum.clone(), self.path.clone());
        Ok(Self { name, file: again(&self.file)?, checksum, path })
    }

    pub(crate) fn has_checksum(&self) -> bool {
        self.checksum.is_some()
    }

    pub(crate) fn reader(self) -> impl Read + Send + 'static {
        flow::widen_pipe(&self.file);
        Summed::new(self.file, self.checksum)
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
        self.all.push(NamedInput { name, file, checksum, path: Some(path.into()) });
        Ok(())
    }

    /// Adds an already open file, such as standard input, as the next one; messages call it `name`.
    pub fn take(&mut self, name: &str, file: File) {
        self.all.push(NamedInput { name: name.into(), file, checksum: None, path: None });
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
        let Some(NamedInput { name, file, .. }) = self.all.last() else { return Ok(None) };
        if !self.are_files()? {
            return Ok(None);
        }
        let mut file = again(file).with_context(|| name.clone())?;
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
