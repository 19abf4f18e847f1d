//! [`Jobs`]: extents, split and gathered into units that are read at once.

use std::io;

use blockio::Range;
use hyperlayer::MAX_RECORD;
use source::Extent;
use thinmeta::ExtentKind;

/// Extents no farther apart than this are read together.
const GAP: u64 = 64 << 10;

/// At most this many extents are gathered for a group.
const MOST_PARTS: usize = 4096;

/// A unit of work.
pub(crate) struct Job {
    /// Ascending.
    pub(crate) parts: Vec<Part>,
    /// What is read for them.
    pub(crate) reads: Vec<Read>,
}

/// An extent, or the part of it that fits.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    Discard(Range),
    /// The range, and where its bytes begin in the buffer.
    Changed(Range, usize),
}

/// What is read by one call.
#[derive(Clone, Copy)]
pub(crate) struct Read {
    pub(crate) range: Range,
    /// Where it goes in the buffer.
    pub(crate) place: usize,
}

impl Job {
    /// How many bytes have changed at most.
    pub(crate) fn bytes(&self) -> u64 {
        let changed = |part: &Part| match part {
            Part::Discard(_) => 0,
            Part::Changed(range, _) => range.length,
        };
        self.parts.iter().map(changed).sum()
    }

    /// How much of the buffer it takes.
    pub(crate) fn room(&self) -> usize {
        self.reads.last().map_or(0, |read| read.place + read.range.length as usize)
    }
}

/// Turns extents into jobs.
pub(crate) struct Jobs<I: Iterator<Item = io::Result<Extent>>> {
    extents: std::iter::Peekable<I>,
    /// The rest of an extent that has been started.
    rest: Option<Range>,
    /// The largest size of a record: whole blocks, so that zeros are detected in whole blocks.
    whole: u64,
    /// The most that a job reads.
    most: u64,
    /// Extents that lie apart are gathered too: their records will be compressed together.
    gathers: bool,
}

impl<I: Iterator<Item = io::Result<Extent>>> Jobs<I> {
    /// `block` is the unit by which zeros are found, in bytes.
    /// `room` is the size of the buffer.
    pub(crate) fn new(extents: I, block: usize, room: usize, gathers: bool) -> Self {
        let whole = (MAX_RECORD - MAX_RECORD % block) as u64;
        let most = if gathers { room as u64 } else { whole };
        Self { extents: extents.peekable(), rest: None, whole, most, gathers }
    }

    /// The next one.
    ///
    /// # Errors
    /// Those of the extents.
    pub(crate) fn next(&mut self) -> io::Result<Option<Job>> {
        let first = match self.rest.take() {
            Some(rest) => rest,
            None => {
                let Some(extent) = self.extents.next().transpose()? else { return Ok(None) };
                if extent.kind() == ExtentKind::Unmapped {
                    let parts = vec![Part::Discard(extent.range())];
                    return Ok(Some(Job { parts, reads: vec![] }));
                }
                extent.range()
            }
        };
        if first.length > self.whole {
            let (offset, length) = (first.offset + self.whole, first.length - self.whole);
            self.rest = Some(Range { offset, length });
            return Ok(Some(Job::of(Range { offset: first.offset, length: self.whole })));
        }
        let mut job = Job::of(first);
        // An error is left for the next job.
        while let Some(Ok(next)) = self.extents.peek() {
            let is_taken = match next.kind() {
                ExtentKind::Unmapped if self.gathers => job.discard(next.range()),
                ExtentKind::Unmapped => false,
                ExtentKind::Changed if next.range().length > self.whole => false,
                ExtentKind::Changed => job.take(next.range(), self.most, self.gathers),
            };
            if !is_taken {
                break;
            }
            self.extents.next();
        }
        Ok(Some(job))
    }
}

impl Job {
    fn of(range: Range) -> Self {
        Self { parts: vec![Part::Changed(range, 0)], reads: vec![Read { range, place: 0 }] }
    }

    /// Adds an extent that became unmapped, if there is room for it.
    fn discard(&mut self, range: Range) -> bool {
        let fits = self.parts.len() < MOST_PARTS;
        if fits {
            self.parts.push(Part::Discard(range));
        }
        fits
    }

    /// Adds an extent that changed, if there is room for it and the gap before it.
    fn take(&mut self, range: Range, most: u64, gathers: bool) -> bool {
        let room = self.room() as u64;
        let Some(last) = self.reads.last_mut() else { return false };
        let gap = range.offset - (last.range.offset + last.range.length);
        // The gap takes room that is meant for changed data.
        let is_near = gap <= if gathers { 0 } else { GAP };
        if gathers && self.parts.len() >= MOST_PARTS {
            return false;
        }
        if is_near && room + gap + range.length <= most {
            let place = room + gap;
            last.range.length += gap + range.length;
            self.parts.push(Part::Changed(range, place as usize));
            return true;
        }
        let fits = gathers && room + range.length <= most;
        if fits {
            self.reads.push(Read { range, place: room as usize });
            self.parts.push(Part::Changed(range, room as usize));
        }
        fits
    }
}
