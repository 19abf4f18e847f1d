//! Pieces → records: read and verified once more, and packed on several threads, written in order.

use std::io::Write;
use std::ops::Range;
use std::sync::Mutex;

use anyhow::Context;
use blockio::{Width, in_order};
use cli::{Interrupt, Progress};
use hyperlayer::{Contents, Encoder, MAX_RECORD, Packed, Packer, Place};

use super::inputs::Input;
use super::piece::{Piece, What};
use crate::settle::Change;

/// As where volumes are read: each thread holds a record, and each piece of work 1 MiB.
const WIDTH: Width = Width { threads: 8, window: 16 };

/// Copies the content of all pieces, which ascend and do not overlap.
///
/// `level` is that of the compression; `writing` is the context of an error of the output's.
pub(super) fn write<W: Write>(
    encoder: &mut Encoder<W>,
    pieces: &[Piece],
    inputs: &[Input],
    level: Option<i32>,
    interrupt: &Interrupt,
    progress: &Progress,
    writing: impl Fn() -> String,
) -> anyhow::Result<()> {
    let mut jobs = Jobs { pieces: pieces.iter().copied(), next: None };
    let idle: Mutex<Vec<Tools>> = Mutex::default();
    let buffers: Mutex<Vec<Vec<u8>>> = Mutex::default();
    in_order(
        WIDTH,
        || {
            interrupt.check()?;
            Ok(jobs.next())
        },
        |job| {
            let spare = idle.lock().expect("nobody panics with it").pop();
            let mut tools = match spare {
                Some(tools) => tools,
                None => Tools { contents: Contents::default(), packer: Packer::new(level)? },
            };
            let buffer = buffers.lock().expect("nobody panics with it").pop();
            let done = tools.copy(&job, inputs, buffer.unwrap_or_default())?;
            idle.lock().expect("nobody panics with it").push(tools);
            Ok(done)
        },
        |Copied { buffer, runs }| {
            for run in runs {
                let written = match run {
                    Run::Data { offset, place, packed } => {
                        progress.add(place.len() as u64);
                        encoder.packed_data(offset, &buffer[place], &packed)
                    }
                    Run::Zero { offset, length } => encoder.zero(offset, length),
                    Run::Discard { offset, length } => encoder.discard(offset, length),
                };
                written.with_context(&writing)?;
            }
            buffers.lock().expect("nobody panics with it").push(buffer);
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
            let is_data = matches!(piece.what, What::Data { .. });
            self.next = Some(if is_data && piece.offset < most {
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
    Data {
        offset: u64,
        place: Range<usize>,
        packed: Packed,
    },
    Zero {
        offset: u64,
        length: u64,
    },
    Discard {
        offset: u64,
        length: u64,
    },
}

/// What a thread needs for a job; they are used again and again.
struct Tools {
    contents: Contents,
    packer: Packer,
}

impl Tools {
    fn copy(
        &mut self,
        job: &[Piece],
        inputs: &[Input],
        mut buffer: Vec<u8>,
    ) -> anyhow::Result<Copied> {
        self.read(job, inputs, &mut buffer)?;
        let begin = job.first().map_or(0, |piece| piece.offset);
        let mut runs: Vec<Run> = Vec::new();
        let mut waiting: Option<Range<u64>> = None;
        for piece in job {
            let (offset, length) = (piece.offset, piece.length());
            if let Some(range) = &mut waiting
                && range.end == offset
                && matches!(piece.what, What::Data { .. })
            {
                range.end = piece.end();
                continue;
            }
            runs.extend(self.pack(waiting.take(), begin, &buffer)?);
            match piece.what {
                What::Data { .. } => waiting = Some(offset..piece.end()),
                What::Zero { .. } => runs.push(Run::Zero { offset, length }),
                What::Discard { .. } => runs.push(Run::Discard { offset, length }),
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

    /// Reads what the pieces hold to where they lie behind the first one. However many pieces of a
    /// record there are, it is read once.
    fn read(
        &mut self,
        job: &[Piece],
        inputs: &[Input],
        buffer: &mut Vec<u8>,
    ) -> anyhow::Result<()> {
        let mut parts: Vec<(u32, u64, u32, Range<u64>)> = Vec::new();
        for piece in job {
            if let What::Data { file, mark, at, .. } = piece.what {
                parts.push((file, at, mark, piece.offset..piece.end()));
            }
        }
        let (Some(first), Some(last)) = (job.first(), parts.last()) else { return Ok(()) };
        let begin = first.offset;
        buffer.resize((last.3.end - begin) as usize, 0);
        parts.sort_by_key(|&(file, at, ..)| (file, at));
        for record in parts.chunk_by(|one, other| (one.0, one.1) == (other.0, other.1)) {
            let Some(&(file, at, mark, _)) = record.first() else { continue };
            let input = &inputs[file as usize];
            let (offset, content) = input.content(&mut self.contents, Place { at, mark })?;
            for (.., range) in record {
                let place = (range.start - begin) as usize..(range.end - begin) as usize;
                let part = range.start.checked_sub(offset).and_then(|from| {
                    let from = usize::try_from(from).ok()?;
                    content.get(from..from.checked_add(place.len())?)
                });
                let part = part.ok_or_else(|| {
                    let reason = "another record stood there before".into();
                    anyhow::Error::new(hyperlayer::Error::Damaged { at, reason })
                        .context(input.path.display().to_string())
                })?;
                buffer[place].copy_from_slice(part);
            }
        }
        Ok(())
    }
}
