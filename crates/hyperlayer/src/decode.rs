//! [`Decoder`]: reads a stream, and hands out nothing that it has not verified.

use std::io::{self, Read};

use zerocopy::FromBytes;

use crate::content::{self, Place};
use crate::encode::{check_announced, check_range};
use crate::error::Result;
use crate::frame::{self, FRAME_BYTES, Frame};
use crate::packed::{CODEC_NONE, Unpacker};
use crate::state::DecoderState;
use crate::totals::Trailer;
use crate::{BaseDigest, Error, Header, MAGIC, MAX_RECORD, Record, Records, Totals, base_digest};

/// What an lvdiff wrote at detect level 3 that had no digest tree yet.
const PLAIN_ROOT: &str = "detect level 3 with one BLAKE3 of the whole base in place of the root of a \
                          digest tree, as older versions made it: make the stream again, or apply it \
                          with a version of that time";

/// Reads one stream, front to back. Memory: one record.
pub struct Decoder<R: Read> {
    input: Input<R>,
    header: Header,
    base_digests: Vec<BaseDigest>,
    content: Vec<u8>,
    /// Where the last record ended in the volume.
    end: u64,
    /// Where the last record stands in the input.
    place: Place,
    totals: Totals,
    state: DecoderState,
}

impl<R: Read> Decoder<R> {
    /// Reads the header and the base digests.
    ///
    /// # Errors
    /// [`Error::Cut`], [`Error::Damaged`], [`Error::Unsupported`] or [`Error::Io`].
    pub fn new(input: R) -> Result<Self> {
        let input = Input {
            input,
            at: 0,
            digest: blake3::Hasher::new(),
            before_frame: [0; 32],
            sequence: 0,
            unpacker: None,
        };
        Self::begin(input, &[], Vec::new())
    }

    /// Makes sure that all of this stream has arrived, passing over records that have not been
    /// taken, and goes on to the one behind it; `None` where the input ends.
    ///
    /// # Errors
    /// As [`Records::finish`], and as [`Decoder::new`].
    pub fn next_stream(mut self) -> Result<Option<Self>> {
        while self.next_record()?.is_some() {}
        let mut byte = [0];
        if self.input.fill(&mut byte)? == 0 {
            return Ok(None);
        }
        (self.input.digest, self.input.sequence) = (blake3::Hasher::new(), 0);
        Self::begin(self.input, &byte, self.content).map(Some)
    }

    /// BLAKE3 of the stream, as its trailer has it; `None` before that has been verified.
    pub fn stream_digest(&self) -> Option<[u8; 32]> {
        (self.state == DecoderState::Complete).then_some(self.input.before_frame)
    }

    /// How many bytes of the input have been read, streams before this one included.
    pub fn position(&self) -> u64 {
        self.input.at
    }

    /// Where the record that was handed out last stands in the input, for
    /// [`Contents`](crate::Contents).
    pub fn place(&self) -> Place {
        self.place
    }

    /// Reads up to the first record; `first` are bytes that have been read already.
    fn begin(mut input: Input<R>, first: &[u8], mut content: Vec<u8>) -> Result<Self> {
        input.magic(first)?;
        let at = input.at;
        let frame = input.known_frame(&mut content)?;
        if frame.kind != frame::HEADER || frame.sequence.get() != 0 {
            return Err(damaged(at, format!("expected the header, found {}", frame.kind_text())));
        }
        let header = Header::from_bytes(&content).map_err(|reason| damaged(at, reason))?;
        let mut base_digests = Vec::new();
        let at = input.at;
        if header.detect_level > 0 {
            let frame = input.known_frame(&mut content)?;
            let (expected, what) = base_digest::frame_of(header.detect_level);
            if frame.kind != expected {
                if header.detect_level == 3 && frame.kind == frame::BASE {
                    return Err(Error::Unsupported { at, what: PLAIN_ROOT.into() });
                }
                let reason = format!("expected {what}, found {}", frame.kind_text());
                return Err(damaged(at, reason));
            }
            base_digests =
                base_digest::from_bytes(&header, &content).map_err(|reason| damaged(at, reason))?;
        }
        base_digest::validate(&header, &base_digests).map_err(|reason| damaged(at, reason))?;
        let (totals, state, place) =
            (Totals::default(), DecoderState::Records, Place { at: 0, mark: 0 });
        Ok(Self { input, header, base_digests, content, end: 0, place, totals, state })
    }

    /// Reads and verifies the next frame; `None` for a right trailer.
    fn advance(&mut self) -> Result<Option<Frame>> {
        let at = self.input.at;
        let damaged = |reason| damaged(at, reason);
        let frame = self.input.known_frame(&mut self.content)?;
        if frame.kind == frame::TRAILER {
            self.check_trailer().map_err(damaged)?;
            return Ok(None);
        }
        let taken = (FRAME_BYTES as u64).saturating_add(frame.stored.get().into());
        self.place = Place::new(self.input.at.saturating_sub(taken), &frame);
        let record = record(&frame, &self.content).map_err(damaged)?;
        self.end = check_range(&record, self.end, self.header.target.size).map_err(damaged)?;
        self.totals.add(&record);
        // At once, because room is made for what was announced, and for no more.
        check_announced(&self.totals, self.announced()).map_err(damaged)?;
        Ok(Some(frame))
    }

    fn announced(&self) -> (u64, u64) {
        (self.header.changed_bytes, self.header.unmapped_bytes)
    }

    fn check_trailer(&self) -> std::result::Result<(), String> {
        let trailer = Trailer::ref_from_bytes(&self.content)
            .map_err(|_| format!("a trailer of {} bytes: expected 80", self.content.len()))?;
        if trailer.totals() != self.totals {
            return Err(format!(
                "the trailer counts {:?}, but {:?} came before it",
                trailer.totals(),
                self.totals
            ));
        }
        if self.totals.discard_bytes != self.header.unmapped_bytes {
            return Err(format!(
                "{} bytes were unmapped, where the header announced {}",
                self.totals.discard_bytes, self.header.unmapped_bytes
            ));
        }
        if trailer.stream_digest != self.input.before_frame {
            return Err("the trailer's digest is not that of the stream".into());
        }
        Ok(())
    }
}

impl<R: Read> Records for Decoder<R> {
    fn header(&self) -> &Header {
        &self.header
    }

    fn base_digests(&self) -> &[BaseDigest] {
        &self.base_digests
    }

    fn next_record(&mut self) -> Result<Option<Record<'_>>> {
        if !self.state.begin(self.input.at)? {
            return Ok(None);
        }
        let frame = self.advance()?;
        self.state.came(frame.is_some());
        let Some(frame) = frame else { return Ok(None) };
        record(&frame, &self.content).map(Some).map_err(|reason| damaged(self.input.at, reason))
    }

    fn totals(&self) -> Totals {
        self.totals
    }

    fn finish(&mut self) -> Result<Totals> {
        while self.next_record()?.is_some() {}
        let mut byte = [0];
        match self.input.fill(&mut byte)? {
            0 => Ok(self.totals),
            _ => Err(damaged(self.input.at, "bytes after the trailer".into())),
        }
    }
}

/// The record that a frame and its content are.
fn record<'a>(frame: &Frame, content: &'a [u8]) -> std::result::Result<Record<'a>, String> {
    let (offset, length) = (frame.offset.get(), frame.length.get());
    let record = match frame.kind {
        frame::DATA => Record::Data { offset, bytes: content },
        frame::ZERO => Record::Zero { offset, length },
        frame::DISCARD => Record::Discard { offset, length },
        _ => return Err(format!("a frame {} among the records", frame.kind_text())),
    };
    let expected = if frame.kind == frame::DATA { length } else { 0 };
    if content.len() as u64 != expected {
        return Err(format!(
            "a frame {} with {} bytes of content: expected {expected}",
            frame.kind_text(),
            content.len()
        ));
    }
    Ok(record)
}

/// The bytes of the stream, counted and hashed on their way in.
struct Input<R: Read> {
    input: R,
    /// How many bytes have been read.
    at: u64,
    digest: blake3::Hasher,
    /// BLAKE3 of everything before the frame read last, where that is a trailer.
    before_frame: [u8; 32],
    /// The next frame's number.
    sequence: u64,
    /// Made when the first compressed content comes.
    unpacker: Option<Unpacker>,
}

impl<R: Read> Input<R> {
    fn magic(&mut self, first: &[u8]) -> Result<()> {
        let begin = self.at.saturating_sub(first.len() as u64);
        let mut line = [0; MAGIC.len()];
        let (there, rest) = line.split_at_mut(first.len());
        there.copy_from_slice(first);
        let length = first.len().saturating_add(self.fill(rest)?);
        if length == 0 {
            return Err(Error::Cut { at: 0, inside: "its first line: the input is empty" });
        }
        let line = &line[..length];
        if line == MAGIC {
            self.digest.update(line);
            return Ok(());
        }
        if MAGIC.starts_with(line) {
            return Err(Error::Cut { at: self.at, inside: "its first line" });
        }
        let what = format!(
            "it begins with \"{}\", where a stream of this version begins with \"{}\"",
            line.escape_ascii(),
            MAGIC.escape_ascii()
        );
        if line.starts_with(b"HYPERLAYER/") {
            return Err(Error::Unsupported { at: begin, what });
        }
        if begin > 0 {
            return Err(damaged(
                begin,
                format!("bytes after the trailer that are no other stream: {what}"),
            ));
        }
        Err(damaged(begin, what))
    }

    /// The next frame of a kind that is known here, with its content in `content`. Frames of
    /// unknown kinds that are marked as optional are skipped, whatever they hold.
    fn known_frame(&mut self, content: &mut Vec<u8>) -> Result<Frame> {
        loop {
            let at = self.at;
            let frame = self.frame(content)?;
            match (frame::KNOWN.contains(&frame.kind), frame.flags.get()) {
                (true, 0) => {
                    content::unpack(&mut self.unpacker, &frame, content, at)?;
                    return Ok(frame);
                }
                (false, frame::OPTIONAL) => {
                    // The stream's digest relies on it.
                    if frame.codec.get() == CODEC_NONE {
                        content::verify(&frame, content).map_err(|reason| damaged(at, reason))?;
                    }
                }
                (_, flags) => {
                    let what =
                        format!("a frame of kind {} with flags {flags:#x}", frame.kind_text());
                    return Err(Error::Unsupported { at, what });
                }
            }
        }
    }

    /// The next frame, and what is stored of its content.
    fn frame(&mut self, stored: &mut Vec<u8>) -> Result<Frame> {
        let at = self.at;
        let mut bytes = [0; FRAME_BYTES];
        self.fill_whole(&mut bytes, "a frame")?;
        let frame = Frame::read_from_bytes(&bytes).expect("the array has a frame's size");
        if !frame.is_sound() {
            return Err(damaged(at, "a frame does not match its check".into()));
        }
        if frame.sequence.get() != self.sequence {
            return Err(damaged(
                at,
                format!("frame {} where frame {} follows", frame.sequence, self.sequence),
            ));
        }
        self.sequence = self.sequence.saturating_add(1);
        let length = frame.stored.get() as usize;
        if length > MAX_RECORD {
            let reason = format!("a frame with {length} bytes of content: {MAX_RECORD} at most");
            return Err(damaged(at, reason));
        }
        if frame.kind == frame::TRAILER {
            self.before_frame = *self.digest.finalize().as_bytes();
        }
        stored.resize(length, 0);
        self.fill_whole(stored, "a frame's content")?;
        frame.digest_into(&mut self.digest, stored);
        Ok(frame)
    }

    fn fill_whole(&mut self, buf: &mut [u8], inside: &'static str) -> Result<()> {
        let length = buf.len();
        match self.fill(buf)? {
            filled if filled == length => Ok(()),
            _ => Err(Error::Cut { at: self.at, inside }),
        }
    }

    /// Reads until `buf` is full or the input ends; yields how much was read.
    fn fill(&mut self, buf: &mut [u8]) -> Result<usize> {
        let mut filled: usize = 0;
        while let Some(rest) = buf.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.input.read(rest) {
                Ok(0) => break,
                Ok(length) => filled = filled.saturating_add(length),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.at = self.at.saturating_add(filled as u64);
        Ok(filled)
    }
}

fn damaged(at: u64, reason: String) -> Error {
    Error::Damaged { at, reason }
}
