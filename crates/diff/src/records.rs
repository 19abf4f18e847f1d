//! Extents → records: read, compared, hashed and compressed on several threads, written in order.

use anyhow::Context;
use blockio::{AlignedBuf, Range, ReadAt, Spare, Width, in_order, is_zero};
use flow::{Interrupt, Task};
use hyperlayer::{MAX_RECORD, Packed, Packer, Parcel, Record, RecordSink};
use source::Changes;

use crate::jobs::{Job, Jobs, Part};
use crate::options::Detail;
use crate::roots::{self, Leaf, RootFinder};

/// The two volumes' content.
pub(crate) struct Content<B, T> {
    /// None where everything is compared with nothing.
    pub(crate) base: Option<B>,
    /// In bytes; after its end the base counts as zeros.
    pub(crate) base_size: u64,
    pub(crate) target: T,
    /// The target's size, in bytes.
    pub(crate) size: u64,
}

/// How many pieces are worked at, and how much each reads.
struct Scale {
    width: Width,
    /// In bytes.
    room: usize,
}

impl Scale {
    /// Enough reads at once for a disk to have something to choose from, and few enough that a run stays below
    /// 64 MiB at the zstd levels up to 4, and below 96 MiB at any other: a piece takes its room, once more where it is
    /// compared with the base, and 2 MiB and what zstd needs where it is compressed. Of chunks that are
    /// compared, often little is left: more of them make a group as large as others.
    fn of(detail: Detail) -> Self {
        let threads = match detail.level {
            None | Some(..=4) => 8,
            Some(5..=9) => 3,
            Some(10..) => 2,
        };
        match detail.level.and(detail.granularity) {
            Some(_) => {
                let threads = threads.min(4);
                let width = Width { threads, window: threads };
                Self { width, room: 4 * MAX_RECORD }
            }
            None => Self { width: Width { threads, window: threads + 1 }, room: MAX_RECORD },
        }
    }
}

/// Reads what changed, and writes it as records, in ascending order.
///
/// Zeros are told by the chunk, or by [`MAX_RECORD`] where chunks are larger than that; with a
/// granularity, by that. Where records are compressed, small ones are compressed together.
pub(crate) fn write<S: RecordSink>(
    sink: &mut S,
    changes: &Changes,
    content: &Content<impl ReadAt + Sync, impl ReadAt + Sync>,
    detail: Detail,
    mut roots: Option<&mut RootFinder>,
    interrupt: &Interrupt,
    progress: &dyn Task,
) -> anyhow::Result<()> {
    let block = detail.granularity.unwrap_or(changes.chunk_size).min(MAX_RECORD as u64) as usize;
    let gathers = S::HAS_GROUPS && detail.level.is_some();
    let finds_roots = roots.is_some();
    let Scale { width, room } = Scale::of(detail);
    let mut jobs = Jobs::new(changes.extents.iter(), block, room, gathers);
    let idle = Spare::<Tools>::default();
    let mut zeros = Range { offset: 0, length: 0 };
    in_order(
        width,
        || {
            interrupt.check()?;
            jobs.next().context("what changed")
        },
        |job| {
            let mut tools = idle.take(|| Tools::new(detail, room))?;
            let runs = tools.examine(&job, content, block)?;
            let records: Vec<_> = runs.iter().map(|run| run.record(&tools.target)).collect();
            let parcels = tools.packer.pack_all(&records, gathers)?;
            let leaves = match finds_roots {
                true => roots::leaves(&job, &tools.target, &content.target, content.size)?,
                false => vec![],
            };
            Ok(Piece { tools, runs, parcels, leaves, bytes: job.bytes() })
        },
        |Piece { mut tools, runs, parcels, leaves, bytes }| {
            if let Some(roots) = &mut roots {
                roots.take(leaves).context("holding the digests of the volume's leaves")?;
            }
            for parcel in parcels {
                match parcel {
                    Parcel::Record(number, packed) => {
                        write_run(sink, runs[number], &tools.target, packed.as_ref(), &mut zeros)?;
                        packed.into_iter().for_each(|packed| tools.packer.take_back(packed));
                    }
                    Parcel::Group(group) => {
                        write_zeros(sink, &mut zeros)?;
                        sink.group(&group)?;
                        tools.packer.take_back_group(group);
                    }
                }
            }
            progress.add(bytes);
            idle.give(tools);
            anyhow::Ok(())
        },
    )?;
    write_zeros(sink, &mut zeros)
}

/// A job that is done.
struct Piece {
    tools: Tools,
    runs: Vec<Run>,
    parcels: Vec<Parcel>,
    /// What leaves of the digest tree hold, if that is wanted.
    leaves: Vec<Leaf>,
    /// What has been looked at.
    bytes: u64,
}

/// A run of blocks of one kind.
#[derive(Clone, Copy)]
struct Run {
    range: Range,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    /// Where it begins in the buffer.
    Data(usize),
    Zero,
    Discard,
}

impl Run {
    /// The record that it makes; `buf` is what was read.
    fn record<'a>(&self, buf: &'a [u8]) -> Record<'a> {
        let Range { offset, length } = self.range;
        match self.what {
            What::Data(place) => {
                Record::Data { offset, bytes: &buf[place..place + length as usize] }
            }
            What::Zero => Record::Zero { offset, length },
            What::Discard => Record::Discard { offset, length },
        }
    }
}

/// What a thread needs for a job; they are used again and again.
struct Tools {
    target: AlignedBuf,
    base: Option<AlignedBuf>,
    packer: Packer,
}

impl Tools {
    fn new(detail: Detail, room: usize) -> anyhow::Result<Self> {
        let base = detail.granularity.map(|_| AlignedBuf::new(room)).transpose()?;
        let (target, packer) = (AlignedBuf::new(room)?, Packer::new(detail.level)?);
        Ok(Self { target, base, packer })
    }

    /// Reads what a job needs, and finds the runs in it that are to be sent.
    fn examine(
        &mut self,
        job: &Job,
        content: &Content<impl ReadAt, impl ReadAt>,
        block: usize,
    ) -> anyhow::Result<Vec<Run>> {
        for wanted in &job.reads {
            let Range { offset, length } = wanted.range;
            let place = wanted.place..wanted.place + length as usize;
            read("volume", &content.target, offset, &mut self.target[place.clone()])?;
            if let (Some(base), Some(source)) = (&mut self.base, &content.base) {
                let there = content.base_size.saturating_sub(offset).min(length) as usize;
                let base = &mut base[place];
                // After its end, not even nothing can be read.
                if there > 0 {
                    read("base", source, offset, &mut base[..there])?;
                }
                base[there..].fill(0);
            }
        }
        if let (Some(base), None) = (&mut self.base, &content.base) {
            base[..job.room()].fill(0);
        }
        let mut runs: Vec<Run> = Vec::new();
        for part in &job.parts {
            match *part {
                Part::Discard(range) => runs.push(Run { range, what: What::Discard }),
                Part::Changed(range, place) => self.compare(range, place, block, &mut runs),
            }
        }
        Ok(runs)
    }

    /// Finds what of a range is to be sent; its bytes are at `place` of the buffer.
    fn compare(&self, range: Range, place: usize, block: usize, runs: &mut Vec<Run>) {
        let end = place + range.length as usize;
        for begin in (place..end).step_by(block) {
            let next = (begin + block).min(end);
            let bytes = &self.target[begin..next];
            if self.base.as_ref().is_some_and(|base| base[begin..next] == *bytes) {
                continue;
            }
            let offset = range.offset + (begin - place) as u64;
            let what = if is_zero(bytes) { What::Zero } else { What::Data(begin) };
            let length = bytes.len() as u64;
            match runs.last_mut() {
                Some(last) if last.goes_on_with(offset, what) => last.range.length += length,
                _ => runs.push(Run { range: Range { offset, length }, what }),
            }
        }
    }
}

impl Run {
    /// Whether a block of this kind at `offset` belongs to it.
    fn goes_on_with(&self, offset: u64, what: What) -> bool {
        let Range { offset: begin, length } = self.range;
        let is_next = begin + length == offset;
        match (self.what, what) {
            // Also in the buffer, where what is read by several calls lies side by side.
            (What::Data(from), What::Data(place)) => is_next && from + length as usize == place,
            (What::Zero, What::Zero) => is_next,
            _ => false,
        }
    }
}

fn read(what: &str, source: &impl ReadAt, offset: u64, buf: &mut [u8]) -> anyhow::Result<()> {
    let length = buf.len();
    source
        .read_at(offset, buf)
        .with_context(|| format!("reading {length} bytes of the {what} at offset {offset}"))
}

/// Writes a run; zeros wait in `zeros`, for the next run may be more of them.
fn write_run(
    sink: &mut impl RecordSink,
    run: Run,
    buf: &[u8],
    packed: Option<&Packed>,
    zeros: &mut Range,
) -> anyhow::Result<()> {
    let follows = zeros.length > 0 && zeros.offset + zeros.length == run.range.offset;
    match (run.record(buf), packed) {
        (Record::Data { offset, bytes }, Some(packed)) => {
            write_zeros(sink, zeros)?;
            sink.packed_data(offset, bytes, packed)?;
        }
        (Record::Discard { offset, length }, _) => {
            write_zeros(sink, zeros)?;
            sink.discard(offset, length)?;
        }
        _ if follows => zeros.length += run.range.length,
        _ => {
            write_zeros(sink, zeros)?;
            *zeros = run.range;
        }
    }
    Ok(())
}

fn write_zeros(sink: &mut impl RecordSink, zeros: &mut Range) -> anyhow::Result<()> {
    if zeros.length > 0 {
        sink.zero(zeros.offset, zeros.length)?;
        zeros.length = 0;
    }
    Ok(())
}
