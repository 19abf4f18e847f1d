//! [`Applier`]: records → a device.

use std::io;

use blockio::{AlignedBuf, Device, ReadAt, is_zero};
use hyperlayer::{MAX_RECORD, Record};

/// Writes records to a device that holds the base, and counts what it does.
pub(crate) struct Applier<'a> {
    device: &'a Device,
    /// The unit of allocation below the device, in bytes.
    chunk_size: u64,
    /// Whether a write to a part of a fresh chunk makes the rest of it zeros. Where it does not,
    /// the rest shows what the chunk held before.
    zeroes: bool,
    piece: AlignedBuf,
}

impl<'a> Applier<'a> {
    /// An applier for `device`, which lies on chunks of `chunk_size` bytes.
    pub(crate) fn new(device: &'a Device, chunk_size: u64, zeroes: bool) -> io::Result<Self> {
        Ok(Self { device, chunk_size, zeroes, piece: AlignedBuf::new(MAX_RECORD)? })
    }

    /// Applies one record.
    pub(crate) fn apply(&mut self, record: Record<'_>) -> io::Result<()> {
        match record {
            Record::Data { offset, bytes } => {
                let piece = &mut self.piece[..bytes.len()];
                piece.copy_from_slice(bytes);
                self.device.write_at(offset, piece)
            }
            Record::Zero { offset, length } => self.zero(offset, offset + length),
            Record::Discard { offset, length } => {
                self.device.discard(offset, length)?;
                self.zero(offset, offset + length)
            }
        }
    }

    /// Makes a range read as zeros. What does so already is left alone: it may be unmapped, and a
    /// write would allocate it.
    fn zero(&mut self, begin: u64, end: u64) -> io::Result<()> {
        let mut place = begin;
        while place < end {
            // Never across the boundary of a chunk, so that a piece is all of a chunk or a part.
            let chunk_end = (place - place % self.chunk_size).saturating_add(self.chunk_size);
            let length = (end - place).min(chunk_end - place).min(self.piece.len() as u64);
            // A part of a chunk that reads as zeros because it is unmapped would no longer do so
            // once another part is written.
            let whole =
                chunk_end.min(self.device.size()) <= end && chunk_end - self.chunk_size >= begin;
            let piece = &mut self.piece[..length as usize];
            self.device.read_at(place, piece)?;
            if !is_zero(piece) || !(whole || self.zeroes) {
                self.device.zero_out(place, length)?;
            }
            place += length;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use blockio::OpenMode;

    use super::*;

    fn applied(before: &[u8], zeroes: bool, records: &[Record<'_>]) -> (Vec<u8>, u64) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let device = {
            std::fs::write(file.path(), before).unwrap();
            Device::open(file.path(), OpenMode::WriteExclusive).unwrap()
        };
        let mut applier = Applier::new(&device, 65536, zeroes).unwrap();
        for record in records {
            applier.apply(*record).unwrap();
        }
        (std::fs::read(file.path()).unwrap(), file.path().metadata().unwrap().blocks())
    }

    #[test]
    fn records_change_what_they_cover_and_nothing_else() {
        let before = vec![1; 5 * 65536 + 512];
        let (after, _) = applied(
            &before,
            true,
            &[
                Record::Data { offset: 512, bytes: &[2; 1024] },
                Record::Zero { offset: 65536, length: 512 },
                Record::Discard { offset: 2 * 65536, length: 65536 },
                Record::Discard { offset: 5 * 65536, length: 512 },
            ],
        );
        let mut expected = before;
        expected[512..1536].fill(2);
        expected[65536..66048].fill(0);
        expected[2 * 65536..3 * 65536].fill(0);
        expected[5 * 65536..].fill(0);
        assert!(after == expected);
    }

    #[test]
    fn zeros_over_a_hole_write_nothing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(4 << 20).unwrap();
        let device = Device::open(file.path(), OpenMode::WriteExclusive).unwrap();
        let mut applier = Applier::new(&device, 65536, false).unwrap();
        applier.apply(Record::Zero { offset: 0, length: 4 << 20 }).unwrap();
        assert_eq!(file.path().metadata().unwrap().blocks(), 0);
        // A part of a chunk is written all the same, where chunks are not zeroed when allocated.
        applier.apply(Record::Zero { offset: 65536, length: 4096 }).unwrap();
        device.sync().unwrap();
        assert!(file.path().metadata().unwrap().blocks() > 0);
    }
}
