//! [`Conversion`]: streams of another tool → ours, with checksums.
//!
//! Files are read twice: the first pass verifies everything, as far as the format allows, and
//! notes what changes; the second pass writes the stream. Records that do not ascend go through a
//! sparse file.

mod file;
mod note;
mod options;
mod ranges;
mod write;

use std::io::Write;
use std::path::{Path, PathBuf};

use flow::{Session, Task};
use hyperlayer::{Finished, Header};

use self::note::Noted;
pub use self::options::ConvertOptions;

/// Streams of another tool that were read, and what they do.
pub struct Conversion<'a> {
    noted: Vec<Noted>,
    options: &'a ConvertOptions,
}

impl<'a> Conversion<'a> {
    /// Reads the streams in these files, each of which must follow the one before, and notes what they do.
    ///
    /// # Errors
    /// If a file cannot be read twice or is damaged; if a stream is in our format, lacks what the
    /// options do not say either, or does not follow the one before; if a signal arrives.
    pub fn note(
        paths: &[PathBuf],
        options: &'a ConvertOptions,
        session: &Session<'_>,
    ) -> anyhow::Result<Self> {
        Ok(Self { noted: note::note_all(paths, options, session)?, options })
    }

    /// How many bytes all streams announce as changed.
    pub fn changed_bytes(&self) -> u64 {
        self.noted.iter().map(|noted| noted.header.changed_bytes).sum()
    }

    /// How many bytes all streams announce as unmapped.
    pub fn unmapped_bytes(&self) -> u64 {
        self.noted.iter().map(|noted| noted.header.unmapped_bytes).sum()
    }

    /// The headers of the streams to be written, in order.
    pub fn headers(&self) -> impl Iterator<Item = &Header> {
        self.noted.iter().map(|noted| &noted.header)
    }

    /// The files for which nothing says how large the base was, with the size assumed for it, in bytes:
    /// the volume's own size.
    pub fn assumed_base_sizes(&self) -> impl Iterator<Item = (&Path, u64)> {
        self.noted.iter().filter_map(|noted| Some((&*noted.path, noted.assumed_base_size?)))
    }

    /// Reads the files again, writes what was noted, and returns the output with what each stream
    /// holds. `writing` is the context of output errors; `task` counts the data.
    ///
    /// # Errors
    /// If the output cannot be written, a file has changed, or a signal arrives.
    pub fn write<W: Write>(
        &self,
        output: W,
        writing: &str,
        task: &dyn Task,
        session: &Session<'_>,
    ) -> anyhow::Result<(W, Vec<Finished>)> {
        write::write_all(&self.noted, self.options, output, writing, task, session)
    }
}
