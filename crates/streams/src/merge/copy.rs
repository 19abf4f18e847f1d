//! Pieces → records: read and verified once more, and packed on several threads, written in order.

use std::io::Write;
use std::ops::Range;

use anyhow::Context;
use blockio::{Spare, Width, in_order};
use flow::{Interrupt, Task};
use hyperlayer::{Contents, Encoder, MAX_RECORD, Packer, Parcel, Record};

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
        |Copied { buffer, runs, parcels }| {
            for parcel in parcels {
                let written = match parcel {
                    Parcel::Group(group) => encoder.group(&group),
                    Parcel::Record(number, packed) => {
                        match (runs[number].record(&buffer), packed) {
                            (Record::Data { offset, bytes }, Some(packed)) => {
                                encoder.packed_data(offset, bytes, &packed)
                            }
                            (record, _) => encoder.record(record),
                        }
                    }
                };
                written.with_context(&writing)?;
            }
            progress.add(buffer.len() as u64);
            buffers.give(buffer);
            anyhow::Ok(())
        },
    )
}

/// As many pieces without data, or with little, are taken at once at the most.
const MOST_PIECES: usize = 4096;

/// Pieces that are copied at once, and where what they hold goes in the buffer: [`MAX_RECORD`] bytes of data at
/// the most. They may lie far apart: frames that hold many records are then read once.
type Job = Vec<(Piece, usize)>;

struct Jobs<I: Iterator<Item = Piece>> {
    pieces: I,
    /// What did not fit into the job before.
    next: Option<Piece>,
}

impl<I: Iterator<Item = Piece>> Jobs<I> {
    fn next(&mut self) -> Option<Job> {
        let (mut job, mut bytes) = (Vec::new(), 0);
        while job.len() < MOST_PIECES {
            let Some(piece) = self.next.take().or_else(|| self.pieces.next()) else { break };
            if !piece.is_data() {
                job.push((piece, bytes));
                continue;
            }
            let room = (MAX_RECORD - bytes) as u64;
            if piece.length() <= room {
                job.push((piece, bytes));
                bytes += piece.length() as usize;
                continue;
            }
            // What has content is taken apart.
            if room > 0 {
                job.push((piece.before(piece.offset + room), bytes));
            }
            self.next = Some(if room > 0 { piece.from(piece.offset + room) } else { piece });
            break;
        }
        (!job.is_empty()).then_some(job)
    }
}

/// A job that is done.
struct Copied {
    buffer: Vec<u8>,
    runs: Vec<Run>,
    parcels: Vec<Parcel>,
}

/// What becomes one record.
enum Run {
    /// The content is at this place of the buffer.
    Data { offset: u64, place: Range<usize> },
    /// It has none.
    Bare(Record<'static>),
}

impl Run {
    fn record<'a>(&self, buffer: &'a [u8]) -> Record<'a> {
        match self {
            Self::Data { offset, place } => {
                Record::Data { offset: *offset, bytes: &buffer[place.clone()] }
            }
            Self::Bare(record) => *record,
        }
    }
}

/// What a thread needs for a job; they are used again and again.
struct Tools {
    contents: Contents,
    packer: Packer,
    /// Small records are packed together.
    gathers: bool,
}

impl Tools {
    fn new(level: Option<i32>) -> anyhow::Result<Self> {
        let (contents, packer) = (Contents::default(), Packer::new(level)?);
        Ok(Self { contents, packer, gathers: level.is_some() })
    }

    fn copy(
        &mut self,
        job: &[(Piece, usize)],
        inputs: &[MergedFile],
        mut buffer: Vec<u8>,
    ) -> anyhow::Result<Copied> {
        let room = job.iter().rfind(|(piece, _)| piece.is_data());
        buffer.resize(room.map_or(0, |(piece, place)| place + piece.length() as usize), 0);
        content::read(&mut self.contents, job, inputs, &mut buffer)?;
        let mut runs: Vec<Run> = Vec::new();
        for (piece, place) in job {
            if let Some(record) = piece.without_data() {
                runs.push(Run::Bare(record));
                continue;
            }
            let length = piece.length() as usize;
            match runs.last_mut() {
                Some(Run::Data { offset, place })
                    if *offset + place.len() as u64 == piece.offset =>
                {
                    place.end += length;
                }
                _ => {
                    let place = *place..*place + length;
                    runs.push(Run::Data { offset: piece.offset, place });
                }
            }
        }
        let records: Vec<_> = runs.iter().map(|run| run.record(&buffer)).collect();
        let parcels = self.packer.pack_all(&records, self.gathers)?;
        Ok(Copied { buffer, runs, parcels })
    }
}
