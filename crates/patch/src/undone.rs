//! [`Undone`]: a volume as it will be once an undo is applied, which proves the undo.
//!
//! An undo leads back from any moment of the stream it undoes, so there is no single base to prove. The
//! result is always the same, so its digests are of that.

use std::io;

use anyhow::Context;
use blockio::{AlignedBuf, Positioned, ReadAt, Spare};
use flow::Interrupt;
use hyperlayer::Contents;

use crate::changed::Changed;
use crate::undo_file::UndoFile;

/// How much is compared at once, in bytes.
const SAMPLE: u64 = 1 << 20;

/// A device, with an undo's records on top.
pub(crate) struct Undone<'a, D> {
    device: D,
    undo: &'a UndoFile,
    idle: Spare<Contents>,
}

impl<'a, D> Undone<'a, D> {
    /// What `device` becomes once `undo` is applied.
    pub(crate) fn new(device: D, undo: &'a UndoFile) -> Self {
        Self { device, undo, idle: Spare::default() }
    }
}

impl<D: ReadAt> Undone<'_, D> {
    /// Counts the chunks that the undo changes, except those in `known`, ranges in ascending order. Data that
    /// was kept but never overwritten is unchanged.
    pub(crate) fn changed(
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
            let reader = Positioned::new(&self.undo.file, self.undo.begin + place.at);
            let content = contents.read(reader, place).map_err(io::Error::other)?;
            let found = content.at(from).and_then(|bytes| bytes.get(..part.len()));
            part.copy_from_slice(found.ok_or_else(|| {
                io::Error::other("the undo changed while it was read: another record is there")
            })?);
            self.idle.give(contents);
        }
        Ok(())
    }

    fn behind_hole(&self, offset: u64) -> io::Result<u64> {
        let data = self.device.behind_hole(offset)?;
        // Where the undo has a record, a hole in the device says nothing.
        Ok(match self.undo.pieces.get(self.undo.first_behind(offset)) {
            Some(piece) => data.min(piece.range.offset.max(offset)),
            None => data,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Seek;
    use std::os::unix::fs::FileExt;

    use blockio::{Device, Range};
    use hyperlayer::{Encoder, Header};

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
        let undone = Undone::new(&device[..], &found[0]);
        for (begin, end) in [(0, size), (700, 800), (1000, 2100), (1536, 2048), (4000, 4097)] {
            let mut buf = vec![7; (end - begin) as usize];
            undone.read_at(begin, &mut buf).unwrap();
            assert!(buf == expected[begin as usize..end as usize], "{begin}..{end}");
        }
        // Bytes 512 to 1536, 2048 to 2560, and 4096 to 4608, of which the device has some already.
        let changed = |device: &[u8], chunk, known: &[(u64, u64)]| {
            let undone = Undone::new(device, &found[0]);
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
        let undone = Undone::new(device, &found[0]);
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
