//! [`Contents`]: the contents of data records, read once more where a decoder has found them.

use std::io::{self, Read};

use zerocopy::FromBytes;

use crate::error::Result;
use crate::frame::{self, FRAME_BYTES, Frame};
use crate::packed::{CODEC_NONE, CODEC_ZSTD, Unpacker};
use crate::{Error, MAX_RECORD};

/// Where a frame stands in the input that it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// How many bytes are before it.
    pub at: u64,
    /// A part of its check: tells whether the same frame still stands there.
    pub mark: u32,
}

impl Place {
    pub(crate) fn new(at: u64, frame: &Frame) -> Self {
        Self { at, mark: frame.mark() }
    }
}

/// Reads contents of data records, one at a time. Memory: one record, stored and uncompressed.
#[derive(Default)]
pub struct Contents {
    bytes: Vec<u8>,
    unpacker: Option<Unpacker>,
}

impl Contents {
    /// Reads the data record at `place`, where `input` stands already, and verifies it. Yields
    /// where its range begins in the volume, and what that holds.
    ///
    /// # Errors
    /// [`Error::Cut`] or [`Error::Damaged`] where it is no longer the record that a
    /// [`Decoder`](crate::Decoder) found there; [`Error::Unsupported`]; [`Error::Io`].
    pub fn read(&mut self, mut input: impl Read, place: Place) -> Result<(u64, &[u8])> {
        let at = place.at;
        let damaged = |reason: String| Error::Damaged { at, reason };
        let mut bytes = [0; FRAME_BYTES];
        fill(&mut input, &mut bytes, at, "a frame")?;
        let frame = Frame::read_from_bytes(&bytes).expect("the array has a frame's size");
        let same = frame.is_sound() && frame.mark() == place.mark && frame.kind == frame::DATA;
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
        Ok((frame.offset.get(), &self.bytes))
    }
}

fn fill(input: &mut impl Read, buf: &mut [u8], at: u64, inside: &'static str) -> Result<()> {
    input.read_exact(buf).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::Cut { at, inside },
        _ => error.into(),
    })
}

/// Makes of what is stored the content, and verifies that. `at` is the frame's place; `unpacker` is
/// made when the first compressed content comes.
pub(crate) fn unpack(
    unpacker: &mut Option<Unpacker>,
    frame: &Frame,
    content: &mut Vec<u8>,
    at: u64,
) -> Result<()> {
    let damaged = |reason| Error::Damaged { at, reason };
    match (frame.codec.get(), frame.kind) {
        (CODEC_NONE, _) => {}
        (CODEC_ZSTD, frame::DATA) => {
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
    verify(frame, content).map_err(damaged)
}

/// Holds a content against its frame's digest.
pub(crate) fn verify(frame: &Frame, content: &[u8]) -> std::result::Result<(), String> {
    if blake3::hash(content) != frame.digest {
        return Err(format!("the content of {} does not match its BLAKE3", frame.kind_text()));
    }
    Ok(())
}
