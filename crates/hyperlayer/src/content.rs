//! [`Contents`]: reads the contents of data records again, at places that a decoder has found.

use std::io::{self, Read};
use std::ops::Range;

use zerocopy::FromBytes;

use crate::error::Result;
use crate::frame::{self, CODEC_NONE, CODEC_ZSTD, FRAME_BYTES, Frame};
use crate::group::Cursor;
use crate::packed::Unpacker;
use crate::{Error, MAX_RECORD, Record};

/// The place of a frame in the input that it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// How many bytes precede it.
    pub at: u64,
    /// A part of its check, which tells whether the same frame is still there.
    pub mark: u32,
}

impl Place {
    pub(crate) fn new(at: u64, frame: &Frame) -> Self {
        Self { at, mark: frame.mark() }
    }
}

/// Reads the contents of data records, one frame at a time. It keeps one frame in memory, stored and
/// uncompressed.
#[derive(Default)]
pub struct Contents {
    bytes: Vec<u8>,
    unpacker: Option<Unpacker>,
    parts: Vec<Part>,
}

/// Where a record's bytes are in the content of its frame.
struct Part {
    offset: u64,
    bytes: Range<usize>,
}

/// The content of one frame: a data record, or a group of records.
pub struct Content<'a> {
    bytes: &'a [u8],
    /// In ascending order.
    parts: &'a [Part],
}

impl<'a> Content<'a> {
    /// The bytes at `offset` of the volume, up to the end of their data record; none if no data record
    /// covers it.
    pub fn at(&self, offset: u64) -> Option<&'a [u8]> {
        let number = self.parts.partition_point(|part| part.offset <= offset).checked_sub(1)?;
        let part = self.parts.get(number)?;
        let from = usize::try_from(offset.checked_sub(part.offset)?).ok()?;
        let bytes = self.bytes.get(part.bytes.clone())?.get(from..)?;
        (!bytes.is_empty()).then_some(bytes)
    }

    /// Its data records: the offset of each in the volume, and its bytes.
    pub fn records(&self) -> impl Iterator<Item = (u64, &'a [u8])> {
        let bytes = self.bytes;
        self.parts
            .iter()
            .filter_map(move |part| Some((part.offset, bytes.get(part.bytes.clone())?)))
    }
}

impl Contents {
    /// Reads the frame at `place`, where `input` is already positioned, and verifies it.
    ///
    /// # Errors
    /// [`Error::Cut`] or [`Error::Damaged`] if it is no longer the frame that a [`Decoder`](crate::Decoder)
    /// found there, or has no data; [`Error::Unsupported`]; [`Error::Io`].
    pub fn read(&mut self, mut input: impl Read, place: Place) -> Result<Content<'_>> {
        let at = place.at;
        let damaged = |reason: String| Error::Damaged { at, reason };
        let mut bytes = [0; FRAME_BYTES];
        fill(&mut input, &mut bytes, at, "a frame")?;
        let frame = Frame::read_from_bytes(&bytes).expect("the array has a frame's size");
        let has_data = [frame::DATA, frame::GROUP].contains(&frame.kind);
        let same = frame.is_sound() && frame.mark() == place.mark && has_data;
        let stored = frame.stored.get() as usize;
        if !same || stored > MAX_RECORD {
            return Err(damaged("another record stood there before".into()));
        }
        self.bytes.resize(stored, 0);
        fill(&mut input, &mut self.bytes, at, "a frame's content")?;
        unpack(&mut self.unpacker, &frame, &mut self.bytes, at)?;
        if self.bytes.len() as u64 != frame.length.get() {
            return Err(damaged(format!("it has {} bytes of content", self.bytes.len())));
        }
        self.parts.clear();
        if frame.kind == frame::DATA {
            self.parts.push(Part { offset: frame.offset.get(), bytes: 0..self.bytes.len() });
        } else {
            let cursor = Cursor::new(&self.bytes, &frame.digest, frame.offset.get());
            let mut cursor = cursor.map_err(damaged)?;
            while let Some(record) = cursor.next(&self.bytes).map_err(damaged)? {
                if let Record::Data { offset, bytes } = record {
                    let end = cursor.place();
                    let bytes = end.saturating_sub(bytes.len())..end;
                    self.parts.push(Part { offset, bytes });
                }
            }
        }
        Ok(Content { bytes: &self.bytes, parts: &self.parts })
    }
}

fn fill(input: &mut impl Read, buf: &mut [u8], at: u64, inside: &'static str) -> Result<()> {
    input.read_exact(buf).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::Cut { at, inside },
        _ => error.into(),
    })
}

/// Turns stored bytes into content and verifies it, except for the records in a group. `at` is the frame's
/// position; `unpacker` is created for the first compressed content.
pub(crate) fn unpack(
    unpacker: &mut Option<Unpacker>,
    frame: &Frame,
    content: &mut Vec<u8>,
    at: u64,
) -> Result<()> {
    let damaged = |reason| Error::Damaged { at, reason };
    match (frame.codec.get(), frame.kind) {
        (CODEC_NONE, _) => {}
        (CODEC_ZSTD, frame::DATA | frame::GROUP) => {
            let unpacker = match unpacker {
                Some(unpacker) => unpacker,
                none => none.insert(Unpacker::new()?),
            };
            unpacker.unpack(content, frame.length.get()).map_err(damaged)?;
        }
        (codec, _) => {
            let what = format!("{} stored with codec {codec}", frame.kind_text());
            return Err(Error::Unsupported { at, what });
        }
    }
    match frame.kind {
        // The frame's digest covers the group's table, which has the records' digests.
        frame::GROUP if content.len() as u64 == frame.length.get() => Ok(()),
        frame::GROUP => Err(damaged(format!(
            "a group of {} bytes, but its frame says {}",
            content.len(),
            frame.length
        ))),
        _ => verify(frame, content).map_err(damaged),
    }
}

/// Checks a content against its frame's digest.
pub(crate) fn verify(frame: &Frame, content: &[u8]) -> std::result::Result<(), String> {
    if blake3::hash(content) != frame.digest {
        return Err(format!("the content of {} does not match its BLAKE3", frame.kind_text()));
    }
    Ok(())
}
