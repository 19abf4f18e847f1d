//! [`Writer`]: data, zeros and discards → storage.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use blockio::{AlignedBuf, Spare, Storage, is_zero};
use flow::{Interrupt, Kind, Refusal};
use hyperlayer::MAX_RECORD;

use crate::discards::Discards;
use crate::gauge::Grant;
use crate::ground::Ground;

/// Writes to storage, as its ground requires. Several threads may write at once, as long as their ranges are
/// disjoint.
pub(crate) struct Writer<'a> {
    pub(crate) storage: &'a dyn Storage,
    pub(crate) ground: Ground,
    interrupt: &'a Interrupt,
    idle: Spare<AlignedBuf>,
    wrote: AtomicBool,
}

impl<'a> Writer<'a> {
    /// A writer to `storage`, which lies on `ground`.
    pub(crate) fn new(storage: &'a dyn Storage, ground: Ground, interrupt: &'a Interrupt) -> Self {
        let (idle, wrote) = (Spare::default(), AtomicBool::new(false));
        Self { storage, ground, interrupt, idle, wrote }
    }

    /// Whether the storage may have been changed.
    pub(crate) fn has_written(&self) -> bool {
        self.wrote.load(Ordering::Relaxed)
    }

    /// Writes data; chunks whose data is there already are left alone, if the ground says so.
    pub(crate) fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.wrote.store(true, Ordering::Relaxed);
        let write = |begin: usize, end: usize| {
            let (place, bytes) = (offset + begin as u64, &bytes[begin..end]);
            let _held = self.granted(place, place + bytes.len() as u64)?;
            self.storage.write_at(place, bytes)
        };
        if !self.ground.leaves_same {
            return write(0, bytes.len());
        }
        let mut buf = self.buffer()?;
        let there = &mut buf[..bytes.len()];
        // What cannot be read can still be written.
        let is_read = self.storage.read_at(offset, there).is_ok();
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

    /// Makes a range read as zeros. Parts that already do are left alone: they may be unmapped, and a write
    /// would allocate them.
    ///
    /// Units are checked one by one, and none crosses a chunk boundary: a write that did would allocate the
    /// other chunk, and its rest would show old data if the pool does not zero.
    pub(crate) fn zero(&self, begin: u64, end: u64) -> io::Result<()> {
        const MOST: u64 = MAX_RECORD as u64;
        self.wrote.store(true, Ordering::Relaxed);
        let mut buf = self.buffer()?;
        let mut place = begin;
        while place < end {
            self.interrupt.check()?;
            // A hole of terabytes is not read. Starting inside a unit would split it.
            let data = self.storage.behind_hole(place)?;
            place = place.max(self.unit_of(data).0);
            if place >= end {
                break;
            }
            // As many whole units as the buffer has room for.
            let mut next = self.unit_of(place).1;
            while next < end && self.unit_of(next).1 - place <= MOST {
                next = self.unit_of(next).1;
            }
            let next = next.min(end);
            let piece = &mut buf[..(next - place) as usize];
            self.storage.read_at(place, piece)?;
            if !is_zero(piece) {
                let mut begin = place;
                while begin < next {
                    let unit_end = self.unit_of(begin).1.min(next);
                    let part = (begin - place) as usize..(unit_end - place) as usize;
                    if !is_zero(&piece[part]) {
                        self.zero_out(begin, unit_end)?;
                    }
                    begin = unit_end;
                }
            }
            place = next;
        }
        self.give_back(buf);
        Ok(())
    }

    /// The unit around a place: a chunk, or part of one that is larger than a buffer.
    fn unit_of(&self, place: u64) -> (u64, u64) {
        const MOST: u64 = MAX_RECORD as u64;
        let chunk_size = self.ground.chunk_size;
        let within = place % chunk_size;
        let begin = place - within % MOST;
        let chunk_end = (place - within).saturating_add(chunk_size);
        (begin, begin.saturating_add(MOST).min(chunk_end))
    }

    /// Unmaps what can be unmapped of a range, or frees what then reads as zeros for good.
    pub(crate) fn discard(&self, begin: u64, end: u64) -> io::Result<()> {
        let chunk_size = self.ground.chunk_size;
        match self.ground.unzeroed_tail() {
            // The chunk in which the external origin ends stays mapped: it has been zeroed, and would have to
            // be written again.
            Some(tail) if begin < tail.end => {
                self.unmap(begin, end.min(tail.end - chunk_size))?;
                self.unmap(begin.max(tail.end), end)
            }
            _ => self.unmap(begin, end),
        }
    }

    /// Unmaps the whole chunks of a range; on other ground, frees what is sure to read as zeros.
    pub(crate) fn unmap(&self, begin: u64, end: u64) -> io::Result<()> {
        self.wrote.store(true, Ordering::Relaxed);
        let chunk_size = self.ground.chunk_size;
        if !self.ground.unmaps {
            return self.free(begin, end, |storage, begin, length| storage.punch(begin, length));
        }
        // A partial chunk is not unmapped; and if a discard begins inside one, the kernel may skip the next.
        self.free(
            begin.next_multiple_of(chunk_size),
            end - end % chunk_size,
            |storage, begin, length| storage.discard(begin, length),
        )
    }

    fn free(
        &self,
        begin: u64,
        end: u64,
        how: fn(&dyn Storage, u64, u64) -> io::Result<()>,
    ) -> io::Result<()> {
        let chunk_size = self.ground.chunk_size;
        let most = Discards::step(chunk_size);
        let (mut place, mut step) = (begin, most);
        while place < end {
            self.interrupt.check()?;
            // Chunks are not split.
            let first = place - place % chunk_size;
            let next = first.saturating_add(step).min(end);
            let gauge = self.ground.gauge.as_ref();
            let granted = gauge.map(|gauge| gauge.discard(place, next, self.interrupt)).transpose();
            let _held = match granted {
                // The metadata that a smaller one takes is mostly free again before the next.
                Err(error) if is_no_space(&error) && next - first > chunk_size => {
                    step = ((next - first) / 2).next_multiple_of(chunk_size);
                    continue;
                }
                granted => granted?,
            };
            how(self.storage, place, next - place)?;
            (place, step) = (next, step.saturating_mul(2).min(most));
        }
        Ok(())
    }

    /// Writes zeros, if the pool has space for them.
    pub(crate) fn zero_out(&self, begin: u64, end: u64) -> io::Result<()> {
        self.wrote.store(true, Ordering::Relaxed);
        let _held = self.granted(begin, end)?;
        self.storage.zero_out(begin, end - begin)
    }

    /// Permission to write to a range, until it is dropped.
    fn granted(&self, begin: u64, end: u64) -> io::Result<Option<Grant<'_>>> {
        let gauge = self.ground.gauge.as_ref();
        gauge.map(|gauge| gauge.write(begin, end, self.interrupt)).transpose()
    }

    /// Whether a range reads as zeros.
    pub(crate) fn reads_as_zeros(&self, begin: u64, end: u64) -> io::Result<bool> {
        let mut buf = self.buffer()?;
        let mut place = begin;
        let mut zeros = true;
        while zeros && place < end {
            self.interrupt.check()?;
            let piece = &mut buf[..(end - place).min(MAX_RECORD as u64) as usize];
            self.storage.read_at(place, piece)?;
            zeros = is_zero(piece);
            place += piece.len() as u64;
        }
        self.give_back(buf);
        Ok(zeros)
    }

    /// A buffer as long as the longest record.
    pub(crate) fn buffer(&self) -> io::Result<AlignedBuf> {
        self.idle.take(|| AlignedBuf::new(MAX_RECORD))
    }

    /// Takes a buffer back; a shorter one is dropped.
    pub(crate) fn give_back(&self, buf: AlignedBuf) {
        if buf.len() < MAX_RECORD {
            return;
        }
        self.idle.give(buf);
    }
}

/// Whether a pool has too little left.
fn is_no_space(error: &io::Error) -> bool {
    let refusal = error.get_ref().and_then(|cause| cause.downcast_ref());
    refusal.map(Refusal::kind) == Some(Kind::NoSpace)
}
