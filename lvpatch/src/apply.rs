//! [`Applier`]: records → a device.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use blockio::{AlignedBuf, Device, ReadAt, Spare, Width, in_order, is_zero};
use flow::{Interrupt, Refusal, Task};
use hyperlayer::{Error, MAX_RECORD, Record, Records, Totals};
use patch::undo::Undo;

use crate::discards::Discards;
use crate::gauge::Grant;
use crate::ground::{Ground, Touched};

/// Writes records to a device that holds the base.
pub(crate) struct Applier<'a> {
    device: &'a Device,
    /// For messages.
    name: &'a str,
    ground: Ground,
    interrupt: &'a Interrupt,
    idle: Spare<AlignedBuf>,
    wrote: AtomicBool,
    /// The chunk in which the external origin ends shows no old data, where it would.
    tail_is_zeroed: AtomicBool,
}

/// What there is beside the records.
#[derive(Default)]
pub(crate) struct Extras<'a> {
    /// Where to keep what is overwritten.
    pub(crate) undo: Option<&'a mut Undo>,
    /// A stream that is cut is applied as far as it goes.
    pub(crate) partial: bool,
}

/// As many records are kept at once at the most: each takes a page of memory, however short it is.
const KEPT_RECORDS: usize = 4096;

/// How much of what is overwritten is kept at once, between two syncs of the file that keeps it.
const KEPT_AT_ONCE: u64 = 16 << 20;

/// Enough writes at once to keep a disk busy; each takes 1 MiB.
const WIDTH: Width = Width { threads: 4, window: 16 };

/// A record that is to be applied. Records cover different ranges, so several can be at once.
enum Job {
    Data { offset: u64, length: usize, bytes: AlignedBuf },
    Zero { offset: u64, length: u64 },
    Discard { offset: u64, length: u64 },
}

impl<'a> Applier<'a> {
    /// An applier for `device`.
    pub(crate) fn new(
        device: &'a Device,
        name: &'a str,
        ground: Ground,
        interrupt: &'a Interrupt,
    ) -> Self {
        let (idle, wrote) = (Spare::default(), AtomicBool::new(false));
        let tail_is_zeroed = AtomicBool::new(ground.unzeroed_tail().is_none());
        Self { device, name, ground, interrupt, idle, wrote, tail_is_zeroed }
    }

    /// Whether the device may have been changed.
    pub(crate) fn has_written(&self) -> bool {
        self.wrote.load(Ordering::Relaxed)
    }

    /// Makes a range read as zeros, unmapped where that can be.
    pub(crate) fn clear(&self, begin: u64, end: u64) -> anyhow::Result<()> {
        self.zero_tail(begin, end).with_context(|| self.writing_range(begin, end - begin))?;
        self.apply(Job::Discard { offset: begin, length: end.saturating_sub(begin) })
    }

    /// Unmaps a range that will be cut off. What is left of the chunk in which it begins becomes zeros:
    /// it would show again if the volume grew.
    pub(crate) fn cut_off(&self, begin: u64, end: u64) -> anyhow::Result<()> {
        if begin >= end {
            return Ok(());
        }
        let border = begin.next_multiple_of(self.ground.chunk_size).min(end);
        self.clear(begin, border)?;
        self.wrote.store(true, Ordering::Relaxed);
        self.unmap(border, end).with_context(|| self.writing_range(border, end - border))?;
        // The last chunk, if it is a part, is not unmapped, and its bytes would show again as well.
        self.clear(border.max(end - end % self.ground.chunk_size), end)
    }

    /// Applies all records; ends well only where the whole stream has arrived. `stream` is its name,
    /// for messages.
    pub(crate) fn apply_all(
        &self,
        stream: &str,
        records: &mut (impl Records + Send),
        progress: &dyn Task,
        extras: Extras<'_>,
    ) -> anyhow::Result<Totals> {
        let (ascend, keeps) = (records.ascend(), extras.undo.is_some());
        let mut touched = Touched::new(ascend);
        let mut next_job = || {
            self.interrupt.check()?;
            let record = match records.next_record() {
                Err(Error::Cut { .. }) if extras.partial => None,
                record => record.with_context(|| stream.to_owned())?,
            };
            let Some(record) = record else { return Ok(None) };
            touched.count(&record, &self.ground).map_err(anyhow::Error::new)?;
            self.zero_tail(record.offset(), record.offset() + record.length())
                .and_then(|()| self.prepare(&record, &mut touched))
                .with_context(|| self.writing(&record))?;
            self.job(record, keeps).map(Some)
        };
        let mut undo = extras.undo;
        let mut kept: VecDeque<Job> = VecDeque::new();
        let mut next_kept = || {
            let Some(undo) = &mut undo else { return next_job() };
            if kept.is_empty() {
                self.keep(undo, &mut kept, &mut next_job)?;
            }
            Ok(kept.pop_front())
        };
        if !ascend {
            // A later record may cover an earlier one: one after another, then.
            while let Some(job) = next_kept()? {
                let length = job.length();
                self.apply(job)?;
                progress.add(length);
            }
            return Ok(records.totals());
        }
        in_order(
            WIDTH,
            next_kept,
            |job| {
                let length = job.length();
                self.apply(job)?;
                Ok(length)
            },
            |length| {
                progress.add(length);
                Ok(())
            },
        )?;
        Ok(records.totals())
    }

    /// Takes the next jobs, and keeps what they will overwrite before any of them is handed out.
    fn keep(
        &self,
        undo: &mut Undo,
        kept: &mut VecDeque<Job>,
        next_job: &mut impl FnMut() -> anyhow::Result<Option<Job>>,
    ) -> anyhow::Result<()> {
        let mut bytes: u64 = 0;
        while bytes < KEPT_AT_ONCE
            && kept.len() < KEPT_RECORDS
            && let Some(job) = next_job()?
        {
            let (offset, length) = (job.offset(), job.length());
            undo.keep(self.device, offset, length, self.interrupt)?;
            bytes = bytes.saturating_add(length);
            kept.push_back(job);
        }
        if kept.is_empty() { Ok(()) } else { undo.sync() }
    }

    /// `many`: thousands of jobs may wait.
    fn job(&self, record: Record<'_>, many: bool) -> anyhow::Result<Job> {
        Ok(match record {
            Record::Data { offset, bytes } => {
                let short = many && bytes.len() <= MAX_RECORD / 4;
                let mut buf = if short { AlignedBuf::new(bytes.len())? } else { self.buffer()? };
                buf[..bytes.len()].copy_from_slice(bytes);
                Job::Data { offset, length: bytes.len(), bytes: buf }
            }
            Record::Zero { offset, length } => Job::Zero { offset, length },
            Record::Discard { offset, length } => Job::Discard { offset, length },
        })
    }

    fn apply(&self, job: Job) -> anyhow::Result<()> {
        let (offset, length) = (job.offset(), job.length());
        self.wrote.store(true, Ordering::Relaxed);
        let done = match job {
            Job::Data { offset, length, bytes } => {
                let done = self.write(offset, &bytes[..length]);
                self.give_back(bytes);
                done
            }
            Job::Zero { offset, length } => self.zero(offset, offset + length),
            Job::Discard { offset, length } => self
                .discard(offset, offset + length)
                .and_then(|()| self.zero(offset, offset + length)),
        };
        done.with_context(|| self.writing_range(offset, length))
    }

    /// Writes what is not there already, in whole chunks, where that is left alone.
    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let write = |begin: usize, end: usize| {
            let (place, bytes) = (offset + begin as u64, &bytes[begin..end]);
            let _held = self.granted(place, place + bytes.len() as u64)?;
            self.device.write_at(place, bytes)
        };
        if !self.ground.leaves_same {
            return write(0, bytes.len());
        }
        let mut buf = self.buffer()?;
        let there = &mut buf[..bytes.len()];
        // What cannot be read can still be written.
        let is_read = self.device.read_at(offset, there).is_ok();
        let (mut begin, mut place) = (0, 0);
        while place < bytes.len() {
            let at = offset + place as u64;
            let rest = self.ground.chunk_size - at % self.ground.chunk_size;
            let end = place + rest.min((bytes.len() - place) as u64) as usize;
            if is_read && there[place..end] == bytes[place..end] {
                if begin < place {
                    write(begin, place)?;
                }
                begin = end;
            }
            place = end;
        }
        if begin < place {
            write(begin, place)?;
        }
        self.give_back(buf);
        Ok(())
    }

    /// Before a part of a chunk is written: where the pool does not zero fresh chunks, and this
    /// one reads as zeros, it may be unmapped, and the rest of it would show old data. It is
    /// zeroed first, once, and in the order of records, so that nothing written is lost by that.
    fn prepare(&self, record: &Record<'_>, touched: &mut Touched) -> io::Result<()> {
        let Record::Data { offset, bytes } = record else {
            // What is unmapped is fresh again, if a later record comes back to it.
            touched.prepared.forget();
            return Ok(());
        };
        if self.ground.zeroes {
            return Ok(());
        }
        let (chunk_size, size) = (self.ground.chunk_size, self.device.size());
        let end = offset + bytes.len() as u64;
        for chunk in [offset / chunk_size, (end - 1) / chunk_size] {
            let begin = chunk * chunk_size;
            let chunk_end = begin.saturating_add(chunk_size).min(size);
            let whole = *offset <= begin && chunk_end <= end;
            // What was written whole is mapped; where records come in any order, it is noted.
            if touched.prepared.add(chunk, chunk + 1).0 == 0 || whole {
                continue;
            }
            if self.reads_as_zeros(begin, chunk_end)? {
                self.wrote.store(true, Ordering::Relaxed);
                self.zero_out(begin, chunk_end)?;
            }
        }
        Ok(())
    }

    /// Before anything is written to the chunk in which the external origin ends, where the pool does
    /// not zero: once the chunk is mapped, what follows the origin's end in it would show old data.
    fn zero_tail(&self, begin: u64, end: u64) -> io::Result<()> {
        let Some(tail) = self.ground.unzeroed_tail() else { return Ok(()) };
        let first = tail.end - self.ground.chunk_size;
        let is_elsewhere = begin >= end || begin >= tail.end || end <= first;
        if is_elsewhere || self.tail_is_zeroed.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let tail_end = tail.end.min(self.device.size());
        // Where there is data, the chunk is mapped already.
        if tail.start < tail_end && self.reads_as_zeros(tail.start, tail_end)? {
            self.wrote.store(true, Ordering::Relaxed);
            self.zero_out(tail.start, tail_end)?;
        }
        Ok(())
    }

    /// Writes zeros, as far as the pool has space.
    fn zero_out(&self, begin: u64, end: u64) -> io::Result<()> {
        let _held = self.granted(begin, end)?;
        self.device.zero_out(begin, end - begin)
    }

    /// Leave to write to a range, until it is dropped.
    fn granted(&self, begin: u64, end: u64) -> io::Result<Option<Grant<'_>>> {
        let gauge = self.ground.gauge.as_ref();
        gauge.map(|gauge| gauge.write(begin, end, self.interrupt)).transpose()
    }

    fn reads_as_zeros(&self, begin: u64, end: u64) -> io::Result<bool> {
        let mut buf = self.buffer()?;
        let mut place = begin;
        let mut zeros = true;
        while zeros && place < end {
            self.interrupt.check()?;
            let piece = &mut buf[..(end - place).min(MAX_RECORD as u64) as usize];
            self.device.read_at(place, piece)?;
            zeros = is_zero(piece);
            place += piece.len() as u64;
        }
        self.give_back(buf);
        Ok(zeros)
    }

    /// Unmaps what can be unmapped of a range, or frees what reads as zeros for good then.
    fn discard(&self, begin: u64, end: u64) -> io::Result<()> {
        let chunk_size = self.ground.chunk_size;
        match self.ground.unzeroed_tail() {
            // The chunk in which the external origin ends stays mapped: it has been zeroed, and would be
            // written again.
            Some(tail) if begin < tail.end => {
                self.unmap(begin, end.min(tail.end - chunk_size))?;
                self.unmap(begin.max(tail.end), end)
            }
            _ => self.unmap(begin, end),
        }
    }

    fn unmap(&self, begin: u64, end: u64) -> io::Result<()> {
        let chunk_size = self.ground.chunk_size;
        if !self.ground.unmaps {
            return self.free(begin, end, Device::punch);
        }
        // A part of a chunk is not unmapped; and beginning inside one, the kernel may skip the next.
        self.free(begin.next_multiple_of(chunk_size), end - end % chunk_size, Device::discard)
    }

    fn free(
        &self,
        begin: u64,
        end: u64,
        how: impl Fn(&Device, u64, u64) -> io::Result<()>,
    ) -> io::Result<()> {
        let chunk_size = self.ground.chunk_size;
        let most = Discards::step(chunk_size);
        let (mut place, mut step) = (begin, most);
        while place < end {
            self.interrupt.check()?;
            // Whole chunks stay whole.
            let first = place - place % chunk_size;
            let next = first.saturating_add(step).min(end);
            let gauge = self.ground.gauge.as_ref();
            let granted = gauge.map(|gauge| gauge.discard(place, next, self.interrupt)).transpose();
            let _held = match granted {
                // What a smaller one takes of the metadata is mostly free again before the next.
                Err(error) if is_no_space(&error) && next - first > chunk_size => {
                    step = ((next - first) / 2).next_multiple_of(chunk_size);
                    continue;
                }
                granted => granted?,
            };
            how(self.device, place, next - place)?;
            (place, step) = (next, step.saturating_mul(2).min(most));
        }
        Ok(())
    }

    /// Makes a range read as zeros. What does so already is left alone: it may be unmapped, and a
    /// write would allocate it.
    fn zero(&self, begin: u64, end: u64) -> io::Result<()> {
        let unit = self.ground.chunk_size.min(MAX_RECORD as u64);
        let most = MAX_RECORD as u64 - MAX_RECORD as u64 % unit;
        let mut buf = self.buffer()?;
        let mut place = begin;
        while place < end {
            self.interrupt.check()?;
            // A hole of terabytes is not read. Beginning inside a unit it would part that in two.
            let data = self.device.behind_hole(place)?;
            place = place.max(data - data % unit);
            if place >= end {
                break;
            }
            // Up to a boundary of the units, so that those that follow are whole.
            let length = (end - place).min(most - place % unit);
            let piece = &mut buf[..length as usize];
            self.device.read_at(place, piece)?;
            if !is_zero(piece) {
                for (number, chunk) in piece.chunks(unit as usize).enumerate() {
                    if !is_zero(chunk) {
                        let begin = place + number as u64 * unit;
                        self.zero_out(begin, begin + chunk.len() as u64)?;
                    }
                }
            }
            place += length;
        }
        self.give_back(buf);
        Ok(())
    }

    fn buffer(&self) -> io::Result<AlignedBuf> {
        self.idle.take(|| AlignedBuf::new(MAX_RECORD))
    }

    fn give_back(&self, buf: AlignedBuf) {
        if buf.len() < MAX_RECORD {
            return;
        }
        self.idle.give(buf);
    }

    fn writing(&self, record: &Record<'_>) -> String {
        self.writing_range(record.offset(), record.length())
    }

    fn writing_range(&self, offset: u64, length: u64) -> String {
        format!("writing {length} bytes at offset {offset} of {}", self.name)
    }
}

/// Whether a pool has too little left.
fn is_no_space(error: &io::Error) -> bool {
    let refusal = error.get_ref().and_then(|cause| cause.downcast_ref());
    matches!(refusal, Some(Refusal::NoSpace(_)))
}

impl Job {
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
mod tests {
    use flow::Quiet;
    use std::os::unix::fs::{FileExt, MetadataExt};
    use std::sync::Arc;

    use blockio::OpenMode;
    use hyperlayer::{Decoder, Encoder, Header};

    use super::*;
    use crate::gauge::Gauge;
    use crate::space::Room;

    const GROUND: Ground = Ground {
        chunk_size: 65536,
        zeroes: true,
        unmaps: true,
        leaves_same: false,
        room: Room {
            chunks: u64::MAX,
            discards: Discards { written_before: 0, skips_one: false },
            metadata: None,
        },
        size: 5 * 65536 + 512,
        origin: None,
        gauge: None,
    };

    fn room(chunks: u64) -> Room {
        Room { chunks, ..GROUND.room }
    }

    fn stream(size: u64, records: &[Record<'_>]) -> Vec<u8> {
        let sum = |discard: bool| {
            let of_kind =
                |record: &&Record<'_>| matches!(record, Record::Discard { .. }) == discard;
            records.iter().filter(of_kind).map(Record::length).sum()
        };
        let header = Header {
            changed_bytes: sum(false),
            unmapped_bytes: sum(true),
            ..crate::testing::header(size)
        };
        let mut encoder = Encoder::new(Vec::new(), &header, &[]).unwrap();
        records.iter().for_each(|record| encoder.record(*record).unwrap());
        encoder.finish().unwrap().0
    }

    fn apply(
        file: &tempfile::NamedTempFile,
        ground: Ground,
        records: &[Record<'_>],
    ) -> anyhow::Result<Totals> {
        let device = Device::open(file.path(), OpenMode::WriteExclusive).unwrap();
        let stream = stream(device.size(), records);
        let interrupt = Interrupt::default();
        let applier = Applier::new(&device, "image", ground, &interrupt);
        let progress = Quiet;
        let mut decoder = Decoder::new(stream.as_slice()).unwrap();
        applier.apply_all("test", &mut decoder, &progress, Extras::default())
    }

    #[test]
    fn records_change_what_they_cover_and_nothing_else() {
        let before = vec![1; 5 * 65536 + 512];
        let file = tempfile::NamedTempFile::new().unwrap();
        for zeroes in [true, false] {
            std::fs::write(file.path(), &before).unwrap();
            apply(
                &file,
                Ground { zeroes, ..GROUND },
                &[
                    Record::Data { offset: 512, bytes: &[2; 1024] },
                    Record::Data { offset: 2048, bytes: &[3; 512] },
                    Record::Zero { offset: 65536, length: 512 },
                    Record::Discard { offset: 2 * 65536, length: 65536 },
                    Record::Discard { offset: 5 * 65536, length: 512 },
                ],
            )
            .unwrap();
            let mut expected = before.clone();
            expected[512..1536].fill(2);
            expected[2048..2560].fill(3);
            expected[65536..66048].fill(0);
            expected[2 * 65536..3 * 65536].fill(0);
            expected[5 * 65536..].fill(0);
            assert!(std::fs::read(file.path()).unwrap() == expected);
        }
    }

    #[test]
    fn zeros_over_a_hole_write_nothing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(4 << 20).unwrap();
        apply(&file, GROUND, &[Record::Zero { offset: 512, length: (4 << 20) - 512 }]).unwrap();
        assert_eq!(file.path().metadata().unwrap().blocks(), 0);
    }

    #[test]
    fn a_fresh_chunk_is_zeroed_before_a_part_of_it_is_written() {
        let sparse = || {
            let file = tempfile::NamedTempFile::new().unwrap();
            file.as_file().set_len(4 << 20).unwrap();
            file
        };
        let allocated = |zeroes| {
            let file = sparse();
            let records =
                [65536_u64, 65536 + 8192].map(|offset| Record::Data { offset, bytes: &[7; 4096] });
            apply(&file, Ground { zeroes, ..GROUND }, &records).unwrap();
            let after = std::fs::read(file.path()).unwrap();
            assert_eq!(after.iter().filter(|&&byte| byte == 7).count(), 8192);
            file.path().metadata().unwrap().blocks() * 512
        };
        assert!(allocated(true) <= 16384);
        assert!(allocated(false) >= 65536);
    }

    #[test]
    fn what_follows_an_origins_end_in_its_chunk_is_zeroed() {
        let allocated = |origin, record: Record<'_>| {
            let file = tempfile::NamedTempFile::new().unwrap();
            file.as_file().set_len(4 << 20).unwrap();
            let ground = Ground { zeroes: false, origin, size: 4 << 20, ..GROUND };
            apply(&file, ground, &[record]).unwrap();
            file.path().metadata().unwrap().blocks() * 512
        };
        let zeros = |offset| Record::Zero { offset, length: 4096 };
        let tail = 65536 - 4096;
        assert!(allocated(Some(65536 + 4096), zeros(65536)) >= tail);
        assert!(allocated(Some(65536 + 4096), zeros(2 * 65536 - 4096)) >= tail);
        for (origin, place) in [(None, 65536), (Some(131_072), 65536), (Some(69632), 131_072)] {
            assert_eq!(allocated(origin, zeros(place)), 0);
        }
    }

    #[test]
    fn what_is_cut_off_is_freed_and_the_rest_of_its_chunk_is_zeroed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), vec![1; 4 << 20]).unwrap();
        let device = Device::open(file.path(), OpenMode::WriteExclusive).unwrap();
        let interrupt = Interrupt::default();
        let applier = Applier::new(&device, "image", GROUND, &interrupt);
        applier.cut_off(4096, 4 << 20).unwrap();
        let after = std::fs::read(file.path()).unwrap();
        assert!(after[..4096].iter().all(|&byte| byte == 1) && is_zero(&after[4096..]));
        assert!(file.path().metadata().unwrap().blocks() * 512 <= 65536);
    }

    #[test]
    fn nothing_of_what_is_cut_off_is_kept() {
        // The external origin ends inside the fourth chunk, and the volume inside the last one.
        let size = (4 << 20) - 4096;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), vec![1; size]).unwrap();
        let device = Device::open(file.path(), OpenMode::WriteExclusive).unwrap();
        let interrupt = Interrupt::default();
        let origin = Some(3 * 65536 + 4096);
        let ground = Ground { zeroes: false, origin, size: 65536, ..GROUND };
        let applier = Applier::new(&device, "image", ground, &interrupt);
        applier.cut_off(65536, size as u64).unwrap();
        let after = std::fs::read(file.path()).unwrap();
        assert!(after[..65536].iter().all(|&byte| byte == 1) && is_zero(&after[65536..]));
        assert!(file.path().metadata().unwrap().blocks() * 512 <= 2 * 65536);
    }

    /// The ground of a pool with so many free chunks, and so many metadata blocks, however much is written.
    fn scarce(chunks: u64, blocks: u64) -> Ground {
        let (used, taken) = (100 - chunks, 1000 - blocks);
        let ask = move || {
            Ok(format!("1 {taken}/1000 {used}/100 - rw discard_passdown queue - 0").parse()?)
        };
        let gauge = Gauge::new(crate::testing::pool(), Box::new(ask), &[]);
        Ground { gauge: Some(Arc::new(gauge)), ..GROUND }
    }

    #[test]
    fn a_discard_is_made_in_smaller_steps_where_metadata_is_scarce() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(3 << 30).unwrap();
        file.as_file().write_all_at(&[1; 4096], 2 << 30).unwrap();
        let discard = Record::Discard { offset: 65536, length: (3 << 30) - 2 * 65536 };
        apply(&file, scarce(0, 60), &[discard]).unwrap();
        assert_eq!(file.path().metadata().unwrap().blocks(), 0);
        // For one chunk there must be enough.
        apply(&file, scarce(0, 26), &[Record::Discard { offset: 0, length: 8 << 20 }]).unwrap();
        let error = apply(&file, scarce(0, 25), &[discard]).unwrap_err();
        assert_eq!(cli::exit_code(&error), 7);
    }

    #[test]
    fn what_is_there_already_takes_nothing_where_it_is_left() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let before: Vec<u8> = (0..4 << 20).map(|place: u32| (place / 512 % 251) as u8).collect();
        std::fs::write(file.path(), &before).unwrap();
        let mut wanted = before[512..20 * 65536 - 512].to_vec();
        let whole = |wanted: &[u8], chunks, leaves_same| {
            let records: Vec<_> = (wanted.chunks(1 << 20).zip(0..))
                .map(|(bytes, number)| Record::Data { offset: 512 + (number << 20), bytes })
                .collect();
            apply(&file, Ground { leaves_same, ..scarce(chunks, 900) }, &records)
        };
        whole(&wanted, 0, true).unwrap();
        assert_eq!(cli::exit_code(&whole(&wanted, 0, false).unwrap_err()), 7);
        // In the first chunk, in two that follow one another, and in the last one.
        let last = wanted.len() - 1;
        for place in [0, 5 * 65536, 6 * 65536, last] {
            wanted[place] = 255;
        }
        whole(&wanted, 1, true).unwrap_err(); // two at once
        std::fs::write(file.path(), &before).unwrap();
        whole(&wanted, 4, true).unwrap();
        let after = std::fs::read(file.path()).unwrap();
        assert!(after[512..20 * 65536 - 512] == wanted[..]);
        assert!(
            after[..512] == before[..512]
                && after[20 * 65536 - 512..] == before[20 * 65536 - 512..]
        );
    }

    #[test]
    fn no_more_chunks_are_written_to_than_there_is_room_for() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(4 << 20).unwrap();
        // Two records in one chunk, one that goes from one chunk into the next: three chunks.
        let records = [
            Record::Data { offset: 0, bytes: &[1; 512] },
            Record::Data { offset: 1024, bytes: &[1; 512] },
            Record::Data { offset: 2 * 65536 - 512, bytes: &[1; 1024] },
        ];
        apply(&file, Ground { room: room(3), ..GROUND }, &records).unwrap();
        let error = apply(&file, Ground { room: room(2), ..GROUND }, &records).unwrap_err();
        assert_eq!(cli::exit_code(&error), 7);
    }

    #[test]
    fn parts_of_chunks_that_are_discarded_count() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(4 << 20).unwrap();
        // From inside chunk 0 to inside chunk 3, and a write to chunk 3.
        let records = [
            Record::Discard { offset: 4096, length: 3 * 65536 },
            Record::Data { offset: 4 * 65536 - 512, bytes: &[1; 512] },
        ];
        let ground = |chunks| Ground { room: room(chunks), size: 4 << 20, ..GROUND };
        apply(&file, ground(2), &records).unwrap();
        let error = apply(&file, ground(1), &records).unwrap_err();
        assert_eq!(cli::exit_code(&error), 7);
    }

    #[test]
    fn what_is_kept_brings_back_every_byte() {
        let before: Vec<u8> = (0..4 << 20).map(|place: u32| (place / 4096 % 3) as u8).collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &before).unwrap();
        let records = [
            Record::Data { offset: 512, bytes: &[2; 4096] },
            Record::Zero { offset: 65536, length: 3 << 19 },
            Record::Discard { offset: 2 << 20, length: 1 << 20 },
            Record::Data { offset: 3 << 20, bytes: &[7; 1 << 20] },
        ];
        let stream = stream(4 << 20, &records);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("undo");
        let device = Device::open(file.path(), OpenMode::WriteExclusive).unwrap();
        let (interrupt, progress) = (Interrupt::default(), Quiet);
        let mut decoder = Decoder::new(stream.as_slice()).unwrap();
        let mut undo = Undo::create(
            &path,
            &patch::undo::reversed(decoder.header(), None, "test", 0).unwrap(),
            &[],
        )
        .unwrap();
        let extras = Extras { undo: Some(&mut undo), partial: false };
        let applier = Applier::new(&device, "image", GROUND, &interrupt);
        applier.apply_all("test", &mut decoder, &progress, extras).unwrap();
        undo.finish().unwrap();
        assert!(std::fs::read(file.path()).unwrap() != before);

        // Whole; and, as after a kill, what there is of it up to a cut.
        let whole = std::fs::read(&path).unwrap();
        let after = std::fs::read(file.path()).unwrap();
        for length in [whole.len(), whole.len() - 1, whole.len() - 200, whole.len() / 2, 600] {
            std::fs::write(file.path(), &after).unwrap();
            let mut decoder = Decoder::new(&whole[..length]).unwrap();
            assert!(decoder.header().undo);
            let extras = Extras { undo: None, partial: true };
            let applier = Applier::new(&device, "image", GROUND, &interrupt);
            let totals = applier.apply_all("undo", &mut decoder, &progress, extras).unwrap();
            let covered = Decoder::new(&whole[..length]).map(|mut decoder| {
                let mut end = 0;
                while let Ok(Some(record)) = decoder.next_record() {
                    end = (record.offset() + record.length()) as usize;
                }
                end
            });
            let covered = covered.unwrap();
            let now = std::fs::read(file.path()).unwrap();
            assert!(now[..covered] == before[..covered], "{length}");
            assert!(now[covered..] == after[covered..], "{length}");
            assert!(length < whole.len() - 200 || totals.data_records > 0);
        }
    }
}
