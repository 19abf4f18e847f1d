//! What the input's undo streams bring back, asked for a run.

use blockio::Device;
use hyperlayer::Records;
use lvm::{DeviceMapper, ThinDevice};
use patch::{Changed, UndoFiles, UndoStream, mapped_ranges};
use streams::{Link, Sources};

use crate::patch::Job;

impl Job<'_> {
    /// Looks for undo streams in the input, as far as it can be read twice.
    pub(crate) fn note_undo(&self, sources: &Sources) -> anyhow::Result<()> {
        let found = match !self.args.no_base_check && sources.are_files()? {
            true => UndoFiles::read(sources.files_again()?, self.args.partial, self.interrupt)?,
            false => UndoFiles::default(),
        };
        _ = self.undo_files.set(found);
        Ok(())
    }

    /// Counts the chunks that an undo stream changes on a device, if it has been read.
    pub(crate) fn count_changed(
        &self,
        device: &Device,
        link: &Link,
    ) -> impl Fn(u64, &[(u64, u64)]) -> anyhow::Result<Option<Changed>> {
        let (files, header) = (self.undo_files.get(), link.header());
        move |chunk_size, known| match files {
            Some(files) => files.count_changed(header, device, chunk_size, known, self.interrupt),
            None => Ok(None),
        }
    }

    /// Proves that an undo leads from what a device holds to what was there: the device is that of
    /// `thin`, if it is a thin volume.
    pub(crate) fn prove_undo(
        &self,
        thin: Option<(&DeviceMapper, &ThinDevice)>,
        name: &str,
        device: &Device,
        link: &Link,
    ) -> anyhow::Result<()> {
        if self.args.no_base_check {
            return Ok(());
        }
        let (header, digests) = (link.header(), link.decoder.base_digests());
        let stream = UndoStream { name: &link.name, header, digests };
        let mapped = || match thin {
            Some((dm, thin)) => mapped_ranges(dm, thin, 0, self.interrupt),
            None => Ok(None),
        };
        let none = UndoFiles::default();
        let files = self.undo_files.get().unwrap_or(&none);
        files.prove(stream, name, device, &mapped, self.interrupt)
    }
}
