//! Pieces → records: read and verified again, packed on several threads, and written in order.

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

/// As when volumes are read: each thread holds a record, and each job 1 MiB.
const WIDTH: Width = Width { threads: 8, window: 16 };

/// Copies the content of all pieces, which ascend and do not overlap.
///
/// `level` is the compression level; `writing` is the context of output errors.
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

/// The most pieces without data, or with little, that are taken at once.
const MOST_PIECES: usize = 4096;

/// Pieces that are copied at once, and where their content goes in the buffer: at most [`MAX_RECORD`] bytes
/// of data. They may lie far apart, so that a frame that holds many records is read once.
type Job = Vec<(Piece, usize)>;

struct Jobs<I: Iterator<Item = Piece>> {
    pieces: I,
    /// What did not fit into the previous job.
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
            // Pieces with content are split.
            if room > 0 {
                job.push((piece.before(piece.offset + room), bytes));
            }
            self.next = Some(if room > 0 { piece.from(piece.offset + room) } else { piece });
            break;
        }
        (!job.is_empty()).then_some(job)
    }
}

/// A finished job.
struct Copied {
    buffer: Vec<u8>,
    runs: Vec<Run>,
    parcels: Vec<Parcel>,
}

/// What becomes one record.
enum Run {
    /// The content is at this place in the buffer.
    Data { offset: u64, place: Range<usize> },
    /// It has no content.
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

/// What a thread needs for a job, used again and again.
struct Tools {
    contents: Contents,
    packer: Packer,
    /// Whether small records are packed together.
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
