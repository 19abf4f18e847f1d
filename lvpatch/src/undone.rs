//! [`Undone`]: a volume as it is once an undo is applied, by which an undo is proved.
//!
//! An undo leads back from any moment of what it undoes, so there is no one base to prove. What it leads
//! to is always the same: its digests are of that.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::os::unix::fs::FileExt;

use anyhow::Context;
use blockio::{AlignedBuf, Device, Range, ReadAt, Spare};
use flow::{Interrupt, Interruptible, Refusal};
use hyperlayer::{BaseDigest, Contents, Decoder, Error, Header, Place, Record, Records};
use lvm::{DeviceMapper, ThinDevice};
use streams::{Link, Sources};

use crate::patch::Job;
use crate::prove;

/// The chunks of a sample need not be larger, in bytes.
const SAMPLE: u64 = 1 << 20;

/// Large enough that the frames of small records cost no system call each.
const BUFFER: usize = 256 << 10;

/// An undo stream in a file, and where its records are. Memory: 40 bytes for each record.
pub(crate) struct UndoFile {
    header: Header,
    file: File,
    /// Where places in it count from.
    begin: u64,
    /// In ascending order.
    pieces: Vec<Piece>,
}

/// What a record covers, and where its data is; none of zeros.
struct Piece {
    range: Range,
    data: Option<Place>,
}

impl UndoFile {
    /// Reads and verifies the undo streams that a file begins with, which may be cut if the run accepts
    /// that.
    fn read_all(
        file: &mut File,
        partial: bool,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Vec<Self>> {
        let mut found = Vec::new();
        let begin = file.stream_position()?;
        let reader = BufReader::with_capacity(BUFFER, Reader { file, at: begin });
        // What is wrong with another stream is said when its turn comes.
        let mut next = Decoder::new(reader).ok();
        while let Some(mut decoder) = next.filter(|decoder| decoder.header().undo) {
            let mut pieces = Vec::new();
            loop {
                interrupt.check()?;
                let record = match decoder.next_record() {
                    Err(Error::Cut { .. }) if partial => break,
                    record => record?,
                };
                let Some(record) = record else { break };
                let range = Range { offset: record.offset(), length: record.length() };
                let is_data = matches!(record, Record::Data { .. });
                pieces.push(Piece { range, data: is_data.then(|| decoder.place()) });
            }
            let header = decoder.header().clone();
            found.push(Self { header, file: file.try_clone()?, begin, pieces });
            next = decoder.next_stream().ok().flatten();
        }
        Ok(found)
    }

    /// The first piece that does not end before `offset`.
    fn first_behind(&self, offset: u64) -> usize {
        self.pieces.partition_point(|piece| piece.end() <= offset)
    }

    /// What the volume has mapped then at the most, if that is so much now.
    fn mapped(&self, mut ranges: Vec<Range>) -> Vec<Range> {
        ranges.extend(self.pieces.iter().map(|piece| piece.range));
        ranges.sort_by_key(|range| range.offset);
        let mut all: Vec<Range> = Vec::new();
        for range in ranges {
            let end = range.offset.saturating_add(range.length);
            match all.last_mut().filter(|last| range.offset <= last.offset + last.length) {
                Some(last) => last.length = last.length.max(end - last.offset),
                None => all.push(Range { offset: range.offset, length: end - range.offset }),
            }
        }
        all
    }
}

impl Piece {
    /// The decoder has compared it with the volume's size.
    fn end(&self) -> u64 {
        self.range.offset + self.range.length
    }
}

/// How much an undo changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changed {
    /// How many chunks.
    pub(crate) chunks: u64,
    /// And in how many runs of such chunks.
    runs: u64,
}

impl Changed {
    /// How many other chunks that can be, where these begin somewhere else.
    pub(crate) fn elsewhere(self, chunk_size: u64, other: u64) -> u64 {
        let bytes = self.chunks.saturating_mul(chunk_size);
        bytes.div_ceil(other).saturating_add(self.runs.saturating_mul(2))
    }
}

/// Reads a file from a place on, without moving the position that all its readers share.
struct Reader<'a> {
    file: &'a File,
    at: u64,
}

impl Read for Reader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read_at(buf, self.at)?;
        self.at += length as u64;
        Ok(length)
    }
}

/// A device, with an undo's records on top.
struct Undone<'a, D> {
    device: D,
    undo: &'a UndoFile,
    idle: Spare<Contents>,
}

impl<D: ReadAt> Undone<'_, D> {
    /// Counts the chunks that the undo changes, without those in `known`, ranges in ascending order. What
    /// was kept and never overwritten is what it was.
    fn changed(
        &self,
        chunk_size: u64,
        known: &[(u64, u64)],
        interrupt: &Interrupt,
    ) -> anyhow::Result<Changed> {
        let mut found = Changed::default();
        let (mut next, mut last) = (0, None);
        for range in self.undo.mapped(vec![]) {
            let behind = range.offset.saturating_add(range.length).div_ceil(chunk_size);
            let mut chunk = next.max(range.offset / chunk_size);
            while chunk < behind {
                let at = known.partition_point(|range| range.1 <= chunk);
                if let Some(range) = known.get(at).filter(|range| range.0 <= chunk) {
                    chunk = range.1;
                    continue;
                }
                interrupt.check()?;
                if self.changes(chunk.saturating_mul(chunk_size), chunk_size)? {
                    found.chunks += 1;
                    found.runs += u64::from(chunk == 0 || last != Some(chunk - 1));
                    last = Some(chunk);
                }
                chunk += 1;
            }
            next = next.max(chunk);
        }
        Ok(found)
    }

    fn changes(&self, begin: u64, length: u64) -> anyhow::Result<bool> {
        let end = begin.saturating_add(length).min(self.undo.header.target.size);
        let most = length.min(SAMPLE) as usize;
        let (mut now, mut then) = (AlignedBuf::new(most)?, AlignedBuf::new(most)?);
        let mut place = begin;
        while place < end {
            let length = (end - place).min(most as u64) as usize;
            let (now, then) = (&mut now[..length], &mut then[..length]);
            self.device.read_at(place, now).context("what the undo changes cannot be read")?;
            self.read_at(place, then).context("what the undo changes cannot be read")?;
            if now != then {
                return Ok(true);
            }
            place += length as u64;
        }
        Ok(false)
    }
}

impl<D: ReadAt> ReadAt for Undone<'_, D> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.device.read_at(offset, buf)?;
        let end = offset + buf.len() as u64;
        let pieces = self.undo.pieces[self.undo.first_behind(offset)..].iter();
        for piece in pieces.take_while(|piece| piece.range.offset < end) {
            let (from, to) = (piece.range.offset.max(offset), piece.end().min(end));
            let part = &mut buf[(from - offset) as usize..(to - offset) as usize];
            let Some(place) = piece.data else {
                part.fill(0);
                continue;
            };
            let mut contents = self.idle.take(|| io::Result::Ok(Contents::default()))?;
            let reader = Reader { file: &self.undo.file, at: self.undo.begin + place.at };
            let (begin, bytes) = contents.read(reader, place).map_err(io::Error::other)?;
            let found = from.checked_sub(begin).and_then(|skip| {
                let skip = usize::try_from(skip).ok()?;
                bytes.get(skip..skip.checked_add(part.len())?)
            });
            part.copy_from_slice(found.ok_or_else(|| {
                io::Error::other("the undo changed while it was read: another record is there")
            })?);
            self.idle.give(contents);
        }
        Ok(())
    }

    fn behind_hole(&self, offset: u64) -> io::Result<u64> {
        let data = self.device.behind_hole(offset)?;
        // Where the undo has something, a hole in the device says nothing.
        Ok(match self.undo.pieces.get(self.undo.first_behind(offset)) {
            Some(piece) => data.min(piece.range.offset.max(offset)),
            None => data,
        })
    }
}

/// Digests of what a base holds at some places, for the header of an undo.
///
/// # Errors
/// Where it cannot be read.
pub(crate) fn sample(device: &Device, header: &Header) -> io::Result<Vec<BaseDigest>> {
    let chunk = header.chunk_size.min(SAMPLE);
    let ranges = baseproof::positions(2, header.target.size, chunk, |_| io::Result::Ok(None))?;
    baseproof::digest_ranges(device, &ranges)
}

impl Job<'_> {
    /// Looks for undo streams in the input, as far as it can be read twice.
    pub(crate) fn note_undo(&self, sources: &Sources) -> anyhow::Result<()> {
        let mut found = Vec::new();
        if !self.args.no_base_check && sources.are_files()? {
            for (name, mut file) in sources.files_again()? {
                let read = UndoFile::read_all(&mut file, self.args.partial, self.interrupt);
                found.extend(read.with_context(|| name)?);
            }
        }
        _ = self.undo_files.set(found);
        Ok(())
    }

    /// Counts the chunks that an undo stream changes on a device, if it has been read.
    pub(crate) fn count_changed(
        &self,
        device: &Device,
        link: &Link,
    ) -> impl Fn(u64, &[(u64, u64)]) -> anyhow::Result<Option<Changed>> {
        let undo = self.undo_of(link.header());
        let interrupt = self.interrupt;
        move |chunk_size, known| {
            let Some(undo) = undo else { return Ok(None) };
            let undone = Undone { device, undo, idle: Spare::default() };
            undone.changed(chunk_size, known, interrupt).map(Some)
        }
    }

    fn undo_of(&self, header: &Header) -> Option<&UndoFile> {
        let mut files = self.undo_files.get().into_iter().flatten();
        files.find(|undo| undo.header == *header)
    }

    /// Proves that an undo leads from what a device holds to what was there: the device is that of
    /// `thin`, if it is a thin volume.
    ///
    /// # Errors
    /// [`Refusal::BaseMismatch`] where it does not, and [`Refusal::Usage`] where it is in a pipe.
    pub(crate) fn prove_undo(
        &self,
        thin: Option<(&DeviceMapper, &ThinDevice)>,
        name: &str,
        device: &Device,
        link: &Link,
    ) -> anyhow::Result<()> {
        let header = link.header();
        let digests = link.decoder.base_digests();
        if self.args.no_base_check {
            return Ok(());
        }
        if digests.is_empty() {
            log::warn!(
                "{}: this undo has no digests, so nothing but tags can tell whether it is for {name}",
                link.name
            );
            return Ok(());
        }
        let Some(undo) = self.undo_of(header) else {
            return Err(Refusal::Usage(format!(
                "{}: an undo is proved by what it leads to, and read twice for that: write it to a file \
                 of its own, and name it with -i, or leave out the proof with --no-base-check",
                link.name
            ))
            .into());
        };
        let mapped = match thin.filter(|_| header.detect_level == 3) {
            None => None,
            Some((dm, thin)) => prove::mapped_ranges(dm, thin, 0, self.interrupt)?,
        };
        let mapped = mapped.map(|ranges| undo.mapped(ranges));
        let undone = Undone { device, undo, idle: Spare::default() };
        let undone = Interruptible { source: undone, interrupt: self.interrupt };
        let check = || self.interrupt.check();
        match baseproof::verify(&undone, digests, mapped.as_deref(), &check) {
            Ok(()) => Ok(()),
            Err(error) if error.is_mismatch() => Err(Refusal::BaseMismatch(format!(
                "{name} is not what the undo was made for, or was written to since: undone, {error}"
            )))
            .with_context(|| link.name.clone()),
            Err(error) => Err(anyhow::Error::new(error).context(name.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use hyperlayer::Encoder;

    use super::*;
    use crate::testing::header;

    #[test]
    fn what_an_undo_covers_is_its_own_and_the_rest_the_devices() {
        let size = 16 << 10;
        let header = Header { undo: true, changed_bytes: size, ..header(size) };
        let mut file = tempfile::tempfile().unwrap();
        let mut encoder = Encoder::new(&file, &header, &[]).unwrap();
        encoder.data(512, &[1; 1024]).unwrap();
        encoder.zero(2048, 512).unwrap();
        encoder.data(4096, &[2; 512]).unwrap();
        encoder.finish().unwrap();
        file.rewind().unwrap();
        let interrupt = Interrupt::default();
        let found = UndoFile::read_all(&mut file, false, &interrupt).unwrap();
        let mut expected = vec![9; size as usize];
        expected[512..1536].fill(1);
        expected[2048..2560].fill(0);
        expected[4096..4608].fill(2);
        let device = vec![9; size as usize];
        let undone = Undone { device: &device[..], undo: &found[0], idle: Spare::default() };
        for (begin, end) in [(0, size), (700, 800), (1000, 2100), (1536, 2048), (4000, 4097)] {
            let mut buf = vec![7; (end - begin) as usize];
            undone.read_at(begin, &mut buf).unwrap();
            assert!(buf == expected[begin as usize..end as usize], "{begin}..{end}");
        }
        // Bytes 512 to 1536, 2048 to 2560, and 4096 to 4608, of which the device has some already.
        let changed = |device: &[u8], chunk, known: &[(u64, u64)]| {
            let undone = Undone { device, undo: &found[0], idle: Spare::default() };
            let changed = undone.changed(chunk, known, &interrupt).unwrap();
            (changed.chunks, changed.runs)
        };
        assert_eq!(changed(&device, 512, &[]), (4, 3));
        assert_eq!(changed(&device, 1024, &[]), (4, 2));
        assert_eq!(changed(&device, 1 << 20, &[]), (1, 1));
        assert_eq!(changed(&device, 1024, &[(0, 1), (2, 3)]), (2, 2));
        assert_eq!(changed(&device, 1024, &[(0, 100)]), (0, 0));
        let mut partly = device.clone();
        partly[512..1024].fill(1);
        partly[4096..4608].fill(2);
        assert_eq!(changed(&partly, 512, &[]), (2, 2));
        assert_eq!(changed(&expected, 512, &[]), (0, 0));
        assert_eq!(Changed { chunks: 4, runs: 3 }.elsewhere(512, 1024), 8);
        let range = |offset, length| Range { offset, length };
        let mapped = found[0].mapped(vec![range(0, 512), range(1024, 2048), range(9000, 10)]);
        assert_eq!(mapped, [range(0, 3072), range(4096, 512), range(9000, 10)]);
    }

    #[test]
    fn holes_are_those_of_both() {
        let size = 8 << 20;
        let header = Header { undo: true, changed_bytes: size, ..header(size) };
        let mut file = tempfile::tempfile().unwrap();
        let mut encoder = Encoder::new(&file, &header, &[]).unwrap();
        encoder.data(1 << 20, &[1; 1024]).unwrap();
        encoder.data(6 << 20, &[2; 512]).unwrap();
        encoder.finish().unwrap();
        file.rewind().unwrap();
        let found = UndoFile::read_all(&mut file, false, &Interrupt::default()).unwrap();
        let image = tempfile::NamedTempFile::new().unwrap();
        image.as_file().set_len(size).unwrap();
        image.as_file().write_all_at(&[9; 4096], 4 << 20).unwrap();
        let device = Device::open(image.path(), blockio::OpenMode::Read).unwrap();
        let is_sparse = device.behind_hole(0).unwrap() > 0;
        assert!(is_sparse, "the folder for temporary files must be on a file system with holes");
        let undone = Undone { device, undo: &found[0], idle: Spare::default() };
        for (offset, expected) in [
            (0, 1 << 20),
            (1 << 20, 1 << 20),
            ((1 << 20) + 1023, (1 << 20) + 1023),
            ((1 << 20) + 4096, 4 << 20),
            (4 << 20, 4 << 20),
            (5 << 20, 6 << 20),
            (7 << 20, size),
            (size, size),
        ] {
            assert_eq!(undone.behind_hole(offset).unwrap(), expected, "{offset}");
        }
    }
}
