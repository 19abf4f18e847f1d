//! [`Applier`]: records → storage.

use std::collections::VecDeque;

use anyhow::Context;
use blockio::{AlignedBuf, Storage, Width, in_order};
use flow::{Interrupt, Task};
use hyperlayer::{Error, MAX_RECORD, Record, Records, Totals};

use crate::fresh::{Fresh, Tail};
use crate::ground::Ground;
use crate::touched::Touched;
use crate::undo::Undo;
use crate::unsynced::Unsynced;
use crate::writer::Writer;

/// Applies records to storage that holds the base.
pub struct Applier<'a> {
    /// The storage's name, for messages.
    name: &'a str,
    interrupt: &'a Interrupt,
    writer: Writer<'a>,
    tail: Tail,
}

/// What is given besides the records.
#[derive(Default)]
pub struct Extras<'a> {
    /// Where to keep what is overwritten.
    pub undo: Option<&'a mut Undo>,
    /// Apply a cut stream as far as it goes.
    pub partial: bool,
}

/// The most records kept at once: each takes a page of memory, however short it is.
const KEPT_RECORDS: usize = 4096;

/// How much overwritten data is kept at once, between two syncs of the file that keeps it.
const KEPT_AT_ONCE: u64 = 16 << 20;

/// Enough concurrent writes to keep a disk busy; each takes 1 MiB.
const WIDTH: Width = Width { threads: 4, window: 16 };

/// How many bytes are written before the storage begins to sync them.
const SYNCED_AT_ONCE: u64 = 8 << 20;

/// A record to be applied. Records cover different ranges, so several can be applied at once.
enum Owned {
    Data { offset: u64, length: usize, bytes: AlignedBuf },
    Zero { offset: u64, length: u64 },
    Discard { offset: u64, length: u64 },
}

impl<'a> Applier<'a> {
    /// An applier for `storage`, which lies on `ground`; `name` is for messages.
    pub fn new(
        storage: &'a dyn Storage,
        name: &'a str,
        ground: Ground,
        interrupt: &'a Interrupt,
    ) -> Self {
        let tail = Tail::new(&ground);
        Self { name, interrupt, writer: Writer::new(storage, ground, interrupt), tail }
    }

    /// Whether the storage may have been changed.
    pub fn has_written(&self) -> bool {
        self.writer.has_written()
    }

    /// Makes a range read as zeros, unmapped where possible.
    pub fn clear(&self, begin: u64, end: u64) -> anyhow::Result<()> {
        self.tail
            .zero(&self.writer, begin, end)
            .with_context(|| self.writing_range(begin, end - begin))?;
        self.apply(Owned::Discard { offset: begin, length: end.saturating_sub(begin) })
    }

    /// Unmaps a range that will be cut off. The rest of the chunk in which it begins becomes zeros: it would
    /// show again if the volume grew.
    pub fn cut_off(&self, begin: u64, end: u64) -> anyhow::Result<()> {
        if begin >= end {
            return Ok(());
        }
        let border = begin.next_multiple_of(self.writer.ground.chunk_size).min(end);
        self.clear(begin, border)?;
        self.writer.unmap(border, end).with_context(|| self.writing_range(border, end - border))?;
        // A partial last chunk is not unmapped, so its bytes would show again as well.
        self.clear(border.max(end - end % self.writer.ground.chunk_size), end)
    }

    /// Applies all records; succeeds only if the whole stream has arrived, or `extras` accept a cut one.
    /// `stream` is its name, for messages.
    pub fn apply_all(
        &self,
        stream: &str,
        records: &mut (impl Records + Send),
        progress: &dyn Task,
        extras: Extras<'_>,
    ) -> anyhow::Result<Totals> {
        let (ascend, keeps) = (records.ascend(), extras.undo.is_some());
        let (mut touched, mut fresh) = (Touched::new(ascend), Fresh::new(ascend));
        let mut next_job = || {
            self.interrupt.check()?;
            let record = match records.next_record() {
                Err(Error::Cut { .. }) if extras.partial => None,
                record => record.with_context(|| stream.to_owned())?,
            };
            let Some(record) = record else { return Ok(None) };
            touched.count(&record, &self.writer.ground).map_err(anyhow::Error::new)?;
            self.tail
                .zero(&self.writer, record.offset(), record.offset() + record.length())
                .and_then(|()| fresh.prepare(&self.writer, &record))
                .with_context(|| self.writing(&record))?;
            self.job(record, keeps).map(Some)
        };
        let mut undo = extras.undo;
        let mut kept: VecDeque<Owned> = VecDeque::new();
        let mut next_kept = || {
            let Some(undo) = &mut undo else { return next_job() };
            if kept.is_empty() {
                self.keep(undo, &mut kept, &mut next_job)?;
            }
            Ok(kept.pop_front())
        };
        if !ascend {
            // A later record may cover an earlier one, so they are applied one by one.
            while let Some(job) = next_kept()? {
                let length = job.length();
                self.apply(job)?;
                progress.add(length);
            }
            return Ok(records.totals());
        }
        let storage = self.writer.storage;
        let mut unsynced = Unsynced::new(SYNCED_AT_ONCE);
        in_order(
            WIDTH,
            next_kept,
            |job| {
                let range = (job.offset(), job.length());
                self.apply(job)?;
                Ok(range)
            },
            |(offset, length)| {
                progress.add(length);
                if let Some((offset, length)) = unsynced.add(offset, length) {
                    storage.begin_sync(offset, length);
                }
                Ok(())
            },
        )?;
        Ok(records.totals())
    }

    /// Takes the next jobs, and keeps what they will overwrite before any of them is handed out.
    fn keep(
        &self,
        undo: &mut Undo,
        kept: &mut VecDeque<Owned>,
        next_job: &mut impl FnMut() -> anyhow::Result<Option<Owned>>,
    ) -> anyhow::Result<()> {
        let mut bytes: u64 = 0;
        while bytes < KEPT_AT_ONCE
            && kept.len() < KEPT_RECORDS
            && let Some(job) = next_job()?
        {
            let (offset, length) = (job.offset(), job.length());
            undo.keep(self.writer.storage, offset, length, self.interrupt)?;
            bytes = bytes.saturating_add(length);
            kept.push_back(job);
        }
        if kept.is_empty() { Ok(()) } else { undo.sync() }
    }

    /// `many`: thousands of jobs may be waiting, so short records get short buffers.
    fn job(&self, record: Record<'_>, many: bool) -> anyhow::Result<Owned> {
        Ok(match record {
            Record::Data { offset, bytes } => {
                let short = many && bytes.len() <= MAX_RECORD / 4;
                let mut buf =
                    if short { AlignedBuf::new(bytes.len())? } else { self.writer.buffer()? };
                buf[..bytes.len()].copy_from_slice(bytes);
                Owned::Data { offset, length: bytes.len(), bytes: buf }
            }
            Record::Zero { offset, length } => Owned::Zero { offset, length },
            Record::Discard { offset, length } => Owned::Discard { offset, length },
        })
    }

    fn apply(&self, job: Owned) -> anyhow::Result<()> {
        let (offset, length) = (job.offset(), job.length());
        let done = match job {
            Owned::Data { offset, length, bytes } => {
                let done = self.writer.write(offset, &bytes[..length]);
                self.writer.give_back(bytes);
                done
            }
            Owned::Zero { offset, length } => self.writer.zero(offset, offset + length),
            Owned::Discard { offset, length } => self
                .writer
                .discard(offset, offset + length)
                .and_then(|()| self.writer.zero(offset, offset + length)),
        };
        done.with_context(|| self.writing_range(offset, length))
    }

    fn writing(&self, record: &Record<'_>) -> String {
        self.writing_range(record.offset(), record.length())
    }

    fn writing_range(&self, offset: u64, length: u64) -> String {
        format!("writing {length} bytes at offset {offset} of {}", self.name)
    }
}

impl Owned {
    fn offset(&self) -> u64 {
        match *self {
            Self::Data { offset, .. }
            | Self::Zero { offset, .. }
            | Self::Discard { offset, .. } => offset,
        }
    }

    fn length(&self) -> u64 {
        match *self {
            Self::Data { length, .. } => length as u64,
            Self::Zero { length, .. } | Self::Discard { length, .. } => length,
        }
    }
}

#[cfg(test)]
mod begun;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod unzeroed;
