//! Extents → records: read, compared, hashed and compressed on several threads, written in order.

use anyhow::Context;
use blockio::{AlignedBuf, Range, ReadAt, Spare, Width, in_order, is_zero};
use flow::{Interrupt, Task};
use hyperlayer::{MAX_RECORD, Packed, Packer, RecordSink};
use source::{Changes, Extent};
use thinmeta::ExtentKind;

use crate::options::Detail;

/// The two volumes' content.
pub(crate) struct Content<B, T> {
    /// None where everything is compared with nothing.
    pub(crate) base: Option<B>,
    /// In bytes; behind its end the base counts as zeros.
    pub(crate) base_size: u64,
    pub(crate) target: T,
}

/// Enough reads at once for a disk to have something to choose from; a piece takes 1 MiB, and one
/// more each where it is compared and where it is compressed. With all of it, what zstd takes at its
/// default level, and the output's blocks, a run stays below 64 MiB.
const WIDTH: Width = Width { threads: 8, window: 9 };

/// Extents as near to each other as this are read together.
const GAP: u64 = 64 << 10;

/// Reads what changed, and writes it as records, in ascending order.
///
/// Zeros are told by the chunk, or by [`MAX_RECORD`] where chunks are larger than that; with a
/// granularity, by that.
pub(crate) fn write(
    sink: &mut impl RecordSink,
    changes: &Changes,
    content: &Content<impl ReadAt + Sync, impl ReadAt + Sync>,
    detail: Detail,
    interrupt: &Interrupt,
    progress: &dyn Task,
) -> anyhow::Result<()> {
    let block = detail.granularity.unwrap_or(changes.chunk_size).min(MAX_RECORD as u64) as usize;
    let mut jobs = Jobs { extents: changes.extents.iter().peekable(), rest: None, block };
    let idle = Spare::<Tools>::default();
    let mut zeros = Range { offset: 0, length: 0 };
    in_order(
        WIDTH,
        || {
            interrupt.check()?;
            Ok(jobs.next())
        },
        |job| {
            let ranges = match job {
                Job::Discard(range) => return Ok(Piece::Discard(range)),
                Job::Read(ranges) => ranges,
            };
            let mut tools = idle.take(|| Tools::new(detail))?;
            let runs = tools.examine(&ranges, content, block)?;
            let bytes = ranges.iter().map(|range| range.length).sum();
            Ok(Piece::Read { tools, runs, bytes })
        },
        |piece| {
            match piece {
                Piece::Discard(range) => {
                    write_zeros(sink, &mut zeros)?;
                    sink.discard(range.offset, range.length)?;
                }
                Piece::Read { mut tools, runs, bytes } => {
                    for run in runs {
                        write_run(sink, &run, &tools.target, &mut zeros)?;
                        if let Some((_, packed)) = run.data {
                            tools.packer.take_back(packed);
                        }
                    }
                    progress.add(bytes);
                    idle.give(tools);
                }
            }
            anyhow::Ok(())
        },
    )?;
    write_zeros(sink, &mut zeros)
}

/// What is done at once.
enum Job {
    Discard(Range),
    /// Ranges, ascending, that lie within [`MAX_RECORD`] bytes.
    Read(Vec<Range>),
}

/// A job that is done.
enum Piece {
    Discard(Range),
    Read { tools: Tools, runs: Vec<Run>, bytes: u64 },
}

/// A run of blocks of one kind.
struct Run {
    range: Range,
    /// Where it begins in the buffer, and how it is stored; zeros have none.
    data: Option<(usize, Packed)>,
}

struct Jobs<'a, I: Iterator<Item = &'a Extent>> {
    extents: std::iter::Peekable<I>,
    /// What is left of an extent that was begun.
    rest: Option<Range>,
    block: usize,
}

impl<'a, I: Iterator<Item = &'a Extent>> Jobs<'a, I> {
    fn next(&mut self) -> Option<Job> {
        let range = match self.rest.take() {
            Some(rest) => rest,
            None => {
                let extent = self.extents.next()?;
                if extent.kind() == ExtentKind::Unmapped {
                    return Some(Job::Discard(extent.range()));
                }
                extent.range()
            }
        };
        // Whole blocks, so that zeros are told by whole ones.
        let most = (MAX_RECORD - MAX_RECORD % self.block) as u64;
        if range.length > most {
            let (offset, length) = (range.offset + most, range.length - most);
            self.rest = Some(Range { offset, length });
            return Some(Job::Read(vec![Range { offset: range.offset, length: most }]));
        }
        let mut ranges = vec![range];
        let mut end = range.offset + range.length;
        let near = |next: &&Extent, end: u64| {
            let next_end = next.range().offset + next.range().length;
            next.kind() == ExtentKind::Changed
                && next.range().offset - end <= GAP
                && next_end - range.offset <= most
        };
        while let Some(next) = self.extents.next_if(|next| near(next, end)) {
            ranges.push(next.range());
            end = next.range().offset + next.range().length;
        }
        Some(Job::Read(ranges))
    }
}

/// What a thread needs for a job; they are used again and again.
struct Tools {
    target: AlignedBuf,
    base: Option<AlignedBuf>,
    packer: Packer,
}

impl Tools {
    fn new(detail: Detail) -> anyhow::Result<Self> {
        let base = detail.granularity.map(|_| AlignedBuf::new(MAX_RECORD)).transpose()?;
        let (target, packer) = (AlignedBuf::new(MAX_RECORD)?, Packer::new(detail.level)?);
        Ok(Self { target, base, packer })
    }

    /// Reads what a job's ranges span, and finds the runs in them that are to be sent.
    fn examine(
        &mut self,
        ranges: &[Range],
        content: &Content<impl ReadAt, impl ReadAt>,
        block: usize,
    ) -> anyhow::Result<Vec<Run>> {
        let (Some(first), Some(last)) = (ranges.first(), ranges.last()) else { return Ok(vec![]) };
        let begin = first.offset;
        let span = (last.offset + last.length - begin) as usize;
        read("volume", &content.target, begin, &mut self.target[..span])?;
        if let (Some(base), Some(source)) = (&mut self.base, &content.base) {
            let there = content.base_size.saturating_sub(begin).min(span as u64) as usize;
            // Behind its end, not even nothing can be read.
            if there > 0 {
                read("base", source, begin, &mut base[..there])?;
            }
            base[there..span].fill(0);
        }
        let mut runs: Vec<(usize, usize, bool)> = Vec::new();
        for range in ranges {
            let (mut place, end) =
                ((range.offset - begin) as usize, (range.offset - begin + range.length) as usize);
            while place < end {
                let next = (place + block).min(end);
                let bytes = &self.target[place..next];
                let same = self.base.as_ref().is_some_and(|base| base[place..next] == *bytes);
                if !same {
                    let zero = is_zero(bytes);
                    match runs.last_mut() {
                        Some(last) if last.1 == place && last.2 == zero => last.1 = next,
                        _ => runs.push((place, next, zero)),
                    }
                }
                place = next;
            }
        }
        let run = |(place, end, zero): (usize, usize, bool)| {
            let range = Range { offset: begin + place as u64, length: (end - place) as u64 };
            let data = match zero {
                true => None,
                false => Some((place, self.packer.pack(&self.target[place..end])?)),
            };
            Ok(Run { range, data })
        };
        runs.into_iter().map(run).collect()
    }
}

fn read(what: &str, source: &impl ReadAt, offset: u64, buf: &mut [u8]) -> anyhow::Result<()> {
    let length = buf.len();
    source
        .read_at(offset, buf)
        .with_context(|| format!("reading {length} bytes of the {what} at offset {offset}"))
}

/// Writes a run of data; zeros wait in `zeros`, for the next run may be more of them.
fn write_run(
    sink: &mut impl RecordSink,
    run: &Run,
    buf: &[u8],
    zeros: &mut Range,
) -> anyhow::Result<()> {
    let Range { offset, length } = run.range;
    match &run.data {
        Some((place, packed)) => {
            write_zeros(sink, zeros)?;
            sink.packed_data(offset, &buf[*place..place + length as usize], packed)?;
        }
        None if zeros.length > 0 && zeros.offset + zeros.length == offset => {
            zeros.length += length;
        }
        None => {
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
