//! [`MergedFile`]: a file to be merged, which is read twice.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::Context;
use blockio::Positioned;
use flow::usage;
use hyperlayer::{Content, Contents, Place};

/// A file that was read once, and stays open.
pub(super) struct MergedFile {
    pub(super) path: PathBuf,
    file: File,
    /// In bytes.
    pub(super) size: u64,
}

/// Large enough that small records do not cost a system call per frame.
const BUFFER: usize = 256 << 10;

impl MergedFile {
    /// Opens the files; each must be readable twice.
    pub(super) fn open_all(paths: &[PathBuf]) -> anyhow::Result<Vec<Self>> {
        paths.iter().map(|path| Self::open(path)).collect()
    }

    fn open(path: &Path) -> anyhow::Result<Self> {
        let name = || path.display().to_string();
        // Opening a FIFO would wait for its other end, so check the file type first.
        if !std::fs::metadata(path).with_context(name)?.is_file() {
            return Err(usage(format!(
                "{} is not a regular file: what is merged is read twice, so write the stream to a \
                 file first",
                path.display()
            )));
        }
        let file = File::open(path).with_context(name)?;
        let size = file.metadata().with_context(name)?.len();
        Ok(Self { path: path.into(), file, size })
    }

    /// All of it, from the beginning.
    pub(super) fn reader(&self) -> BufReader<Positioned<'_>> {
        BufReader::with_capacity(BUFFER, Positioned::new(&self.file, 0))
    }

    /// Reads a record's content again.
    pub(super) fn content<'a>(
        &self,
        contents: &'a mut Contents,
        place: Place,
    ) -> anyhow::Result<Content<'a>> {
        let reader = Positioned::new(&self.file, place.at);
        contents
            .read(reader, place)
            .with_context(|| format!("{}, read once more", self.path.display()))
    }
}
