//! Pieces → records: read and verified once more, and packed on several threads, written in order.

use std::io::Write;
use std::ops::Range;

use anyhow::Context;
use blockio::{Spare, Width, in_order};
use flow::{Interrupt, Task};
use hyperlayer::{Contents, Encoder, MAX_RECORD, Packed, Packer, Record};

use super::content;
use super::merged_file::MergedFile;
use super::piece::Piece;
use crate::change::Change;

/// As where volumes are read: each thread holds a record, and each piece of work 1 MiB.
const WIDTH: Width = Width { threads: 8, window: 16 };

/// Copies the content of all pieces, which ascend and do not overlap.
///
/// `level` is that of the compression; `writing` is the context of an error of the output's.
pub(super) fn write<W: Write>(
    encoder: &mut Encoder<W>,
    pieces: &[Piece],
    inputs: &[MergedFile],
    level: Option<i32>,
    interrupt: &Interrupt,
    progress: &dyn Task,
    writing: impl Fn() -> String,
) -> anyhow::Result<()> {
    let mut jobs = Jobs { pieces: pieces.iter().copied(), next: None };
    let (idle, buffers) = (Spare::<Tools>::default(), Spare::<Vec<u8>>::default());
    in_order(
        WIDTH,
        || {
            interrupt.check()?;
            Ok(jobs.next())
        },
        |job| {
            let mut tools = idle.take(|| Tools::new(level))?;
            let buffer = buffers.take(|| anyhow::Ok(Vec::new()))?;
            let done = tools.copy(&job, inputs, buffer)?;
            idle.give(tools);
            Ok(done)
        },
        |Copied { buffer, runs }| {
            for run in runs {
                let written = match run {
                    Run::Data { offset, place, packed } => {
                        progress.add(place.len() as u64);
                        encoder.packed_data(offset, &buffer[place], &packed)
                    }
                    Run::Bare(record) => encoder.record(record),
                };
                written.with_context(&writing)?;
            }
            buffers.give(buffer);
            anyhow::Ok(())
        },
    )
}

/// Pieces that are copied at once: they lie within [`MAX_RECORD`] bytes, or it is only one.
type Job = Vec<Piece>;

struct Jobs<I: Iterator<Item = Piece>> {
    pieces: I,
    /// What did not fit into the job before.
    next: Option<Piece>,
}

impl<I: Iterator<Item = Piece>> Jobs<I> {
    fn next(&mut self) -> Option<Job> {
        let first = self.next.take().or_else(|| self.pieces.next())?;
        let most = first.offset.saturating_add(MAX_RECORD as u64);
        let mut job = vec![first];
        for piece in self.pieces.by_ref() {
            if piece.end() <= most {
                job.push(piece);
                continue;
            }
            // A record's parts are better read together; what has no content is not taken apart.
            self.next = Some(if piece.is_data() && piece.offset < most {
                job.push(piece.before(most));
                piece.from(most)
            } else {
                piece
            });
            break;
        }
        Some(job)
    }
}

/// A job that is done.
struct Copied {
    buffer: Vec<u8>,
    runs: Vec<Run>,
}

/// What becomes one record.
enum Run {
    /// The content is at this place of the buffer.
    Data { offset: u64, place: Range<usize>, packed: Packed },
    /// It has none.
    Bare(Record<'static>),
}

/// What a thread needs for a job; they are used again and again.
struct Tools {
    contents: Contents,
    packer: Packer,
}

impl Tools {
    fn new(level: Option<i32>) -> anyhow::Result<Self> {
        Ok(Self { contents: Contents::default(), packer: Packer::new(level)? })
    }

    fn copy(
        &mut self,
        job: &[Piece],
        inputs: &[MergedFile],
        mut buffer: Vec<u8>,
    ) -> anyhow::Result<Copied> {
        let begin = job.first().map_or(0, |piece| piece.offset);
        let end = job.iter().rfind(|piece| piece.is_data()).map_or(begin, Piece::end);
        buffer.resize((end - begin) as usize, 0);
        content::read(&mut self.contents, job, inputs, begin, &mut buffer)?;
        let mut runs: Vec<Run> = Vec::new();
        let mut waiting: Option<Range<u64>> = None;
        for piece in job {
            if let Some(range) = &mut waiting
                && range.end == piece.offset
                && piece.is_data()
            {
                range.end = piece.end();
                continue;
            }
            runs.extend(self.pack(waiting.take(), begin, &buffer)?);
            match piece.without_data() {
                None => waiting = Some(piece.offset..piece.end()),
                Some(record) => runs.push(Run::Bare(record)),
            }
        }
        runs.extend(self.pack(waiting, begin, &buffer)?);
        Ok(Copied { buffer, runs })
    }

    fn pack(
        &mut self,
        range: Option<Range<u64>>,
        begin: u64,
        buffer: &[u8],
    ) -> anyhow::Result<Option<Run>> {
        let Some(range) = range else { return Ok(None) };
        let place = (range.start - begin) as usize..(range.end - begin) as usize;
        let packed = self.packer.pack(&buffer[place.clone()])?;
        Ok(Some(Run::Data { offset: range.start, place, packed }))
    }
}
