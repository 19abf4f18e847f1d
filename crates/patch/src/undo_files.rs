//! [`UndoFiles`]: the undo streams in a run's input, which prove themselves by their result.

use std::fs::File;

use anyhow::Context;
use blockio::{Range, ReadAt};
use flow::{Interrupt, Interruptible, Refusal, WayOut};
use hyperlayer::{BaseDigest, Header};

use crate::changed::Changed;
use crate::undo_file::UndoFile;
use crate::undone::Undone;

/// The undo streams of an input that can be read twice.
#[derive(Default)]
pub struct UndoFiles(Vec<UndoFile>);

/// An undo stream to be applied.
#[derive(Clone, Copy)]
pub struct UndoStream<'a> {
    /// Where it comes from, for messages.
    pub name: &'a str,
    /// Its header.
    pub header: &'a Header,
    /// Digests of what it leads to.
    pub digests: &'a [BaseDigest],
}

/// Finds the mapped ranges of a device; `None` if they are unknown.
pub type Mapped<'a> = dyn Fn() -> anyhow::Result<Option<Vec<Range>>> + 'a;

impl UndoFiles {
    /// Reads and verifies the undo streams that named files begin with, from each file's current position.
    /// `partial`: they may be cut.
    ///
    /// # Errors
    /// If an undo is damaged, or a file cannot be read.
    pub fn read(
        files: impl IntoIterator<Item = (String, File)>,
        partial: bool,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Self> {
        let mut found = Vec::new();
        for (name, mut file) in files {
            let read = UndoFile::read_all(&mut file, partial, interrupt);
            found.extend(read.with_context(|| name)?);
        }
        Ok(Self(found))
    }

    /// The undo with this header.
    fn of(&self, header: &Header) -> Option<&UndoFile> {
        self.0.iter().find(|undo| undo.header == *header)
    }

    /// Counts the chunks of a given size that the undo with this header changes on a device, except those in
    /// some ascending ranges; `None` if the undo has not been read.
    ///
    /// # Errors
    /// If either cannot be read.
    pub fn count_changed(
        &self,
        header: &Header,
        device: &(impl ReadAt + ?Sized),
        chunk_size: u64,
        known: &[(u64, u64)],
        interrupt: &Interrupt,
    ) -> anyhow::Result<Option<Changed>> {
        let Some(undo) = self.of(header) else { return Ok(None) };
        Undone::new(device, undo).changed(chunk_size, known, interrupt).map(Some)
    }

    /// Proves that an undo leads from what a device holds back to what was there; `name` is the device's, for
    /// messages. `mapped` is called at detect level 3.
    ///
    /// # Errors
    /// [`Refusal::base_mismatch`] if it does not, and [`Refusal::usage`] if the undo has not been read before,
    /// because it is in a pipe.
    pub fn prove(
        &self,
        stream: UndoStream<'_>,
        name: &str,
        device: &(impl ReadAt + Sync + ?Sized),
        mapped: &Mapped<'_>,
        interrupt: &Interrupt,
    ) -> anyhow::Result<()> {
        let UndoStream { name: stream, header, digests } = stream;
        if digests.is_empty() {
            log::warn!(
                "{stream}: this undo has no digests, so nothing but tags can tell whether it is for {name}"
            );
            return Ok(());
        }
        let Some(undo) = self.of(header) else {
            return Err(Refusal::usage(format!(
                "{stream}: proving an undo means reading it twice"
            ))
            .but(WayOut::ReadFile)
            .into());
        };
        let mapped = if header.detect_level == 3 { mapped()? } else { None };
        let mapped = mapped.map(|ranges| undo.mapped(ranges));
        let undone = Interruptible { source: Undone::new(device, undo), interrupt };
        match baseproof::verify(
            &undone,
            digests,
            mapped.as_deref().map(baseproof::mapped_in),
            &|| interrupt.check(),
        ) {
            Ok(()) => Ok(()),
            Err(error) if error.is_mismatch() => Err(Refusal::base_mismatch(format!(
                "{name} is not what the undo was made for, or was written to since: undone, {error}"
            )))
            .with_context(|| stream.to_owned()),
            Err(error) => Err(anyhow::Error::new(error).context(name.to_owned())),
        }
    }
}
