//! [`Applier`]: records → a device.

use std::io;

use blockio::{AlignedBuf, Device, ReadAt, is_zero};
use cli::Interrupt;
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
    interrupt: &'a Interrupt,
}

/// About how much is discarded at once, in bytes: the kernel lets no signal in between.
const DISCARD_STEP: u64 = 1 << 30;

impl<'a> Applier<'a> {
    /// An applier for `device`, which lies on chunks of `chunk_size` bytes.
    pub(crate) fn new(
        device: &'a Device,
        chunk_size: u64,
        zeroes: bool,
        interrupt: &'a Interrupt,
    ) -> io::Result<Self> {
        Ok(Self { device, chunk_size, zeroes, piece: AlignedBuf::new(MAX_RECORD)?, interrupt })
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
                self.discard(offset, offset + length)?;
                self.zero(offset, offset + length)
            }
        }
    }

    /// Unmaps what can be unmapped of a range.
    fn discard(&self, begin: u64, end: u64) -> io::Result<()> {
        let step = DISCARD_STEP.next_multiple_of(self.chunk_size);
        let mut place = begin;
        while place < end {
            self.interrupt.check()?;
            // Whole chunks stay whole: a part of one would be passed over.
            let next = (place - place % self.chunk_size).saturating_add(step).min(end);
            self.device.discard(place, next - place)?;
            place = next;
        }
        Ok(())
    }

    /// Makes a range read as zeros. What does so already is left alone: it may be unmapped, and a
    /// write would allocate it.
    fn zero(&mut self, begin: u64, end: u64) -> io::Result<()> {
        // Whole chunks lie between the two; the volume's last chunk is whole where the volume ends.
        let first = begin.next_multiple_of(self.chunk_size).min(end);
        let last = match end == self.device.size() {
            true => end,
            false => (end - end % self.chunk_size).max(first),
        };
        // A part of a chunk that reads as zeros because the chunk is unmapped would no longer do
        // so once another part is written, where fresh chunks are not zeroed.
        self.zero_pieces(begin, first, !self.zeroes)?;
        self.zero_pieces(first, last, false)?;
        self.zero_pieces(last, end, !self.zeroes)
    }

    /// Zeros what is not zero in a range, or all of it where that is `certain`.
    fn zero_pieces(&mut self, begin: u64, end: u64, certain: bool) -> io::Result<()> {
        let unit = self.chunk_size.min(MAX_RECORD as u64);
        let most = MAX_RECORD as u64 - MAX_RECORD as u64 % unit;
        let mut place = begin;
        while place < end {
            self.interrupt.check()?;
            let length = (end - place).min(most);
            let piece = &mut self.piece[..length as usize];
            self.device.read_at(place, piece)?;
            if certain || !is_zero(piece) {
                for (number, chunk) in piece.chunks(unit as usize).enumerate() {
                    if certain || !is_zero(chunk) {
                        self.device.zero_out(place + number as u64 * unit, chunk.len() as u64)?;
                    }
                }
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
        let interrupt = Interrupt::default();
        let mut applier = Applier::new(&device, 65536, zeroes, &interrupt).unwrap();
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
        let interrupt = Interrupt::default();
        let mut applier = Applier::new(&device, 65536, false, &interrupt).unwrap();
        applier.apply(Record::Zero { offset: 0, length: 4 << 20 }).unwrap();
        assert_eq!(file.path().metadata().unwrap().blocks(), 0);
        // A part of a chunk is written all the same, where chunks are not zeroed when allocated.
        applier.apply(Record::Zero { offset: 65536, length: 4096 }).unwrap();
        device.sync().unwrap();
        assert!(file.path().metadata().unwrap().blocks() > 0);
    }
}
