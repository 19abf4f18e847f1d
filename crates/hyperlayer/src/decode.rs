//! [`Decoder`]: reads a stream, and hands out only what it has verified.

use std::io::{self, Read};

use zerocopy::FromBytes;

use crate::compressed::compression;
use crate::content::{self, Place};
use crate::encode::{check_announced, check_range};
use crate::error::Result;
use crate::frame::{self, CODEC_NONE, FRAME_BYTES, Frame};
use crate::group::Cursor;
use crate::packed::Unpacker;
use crate::record::RecordKind;
use crate::state::DecoderState;
use crate::trailer::Trailer;
use crate::{
    BaseDigest, DigestKind, Error, Header, Held, MAGIC, MAX_RECORD, Record, Records, Roots, Totals,
    base_digest, held,
};

/// What older versions of lvdiff wrote at detect level 3, before there was a digest tree.
const PLAIN_ROOT: &str = "detect level 3 with a BLAKE3 of the whole base instead of the root of \
     a digest tree, as older versions wrote it: make the stream again, or apply it with such a \
     version";

/// Reads one stream, front to back. It keeps one record in memory.
pub struct Decoder<R: Read> {
    input: Input<R>,
    header: Header,
    base_digests: Vec<BaseDigest>,
    held: Vec<Held>,
    content: Vec<u8>,
    /// The records of the group in `content` that have not been handed out yet.
    group: Option<Cursor>,
    /// Where the last record ended in the volume.
    end: u64,
    /// The position of the last record in the input.
    place: Place,
    totals: Totals,
    /// Where the stream begins in the input.
    stream_begin: u64,
    roots: Roots,
    /// The stream's digest, once it has been verified.
    digest: Option<[u8; 32]>,
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
            frame_at: 0,
            digest: blake3::Hasher::new(),
            before_frame: blake3::Hasher::new(),
            sequence: 0,
            unpacker: None,
        };
        Self::begin(input, &[], Vec::new())
    }

    /// Makes sure that the whole stream has arrived, skipping records that have not been read, and goes on
    /// to the next stream; `None` if the input ends.
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

    /// BLAKE3 of the stream, from its trailer; `None` until the trailer has been verified.
    pub fn stream_digest(&self) -> Option<[u8; 32]> {
        self.digest
    }

    /// The root digests of both ends, as far as the trailer has them; none until it has been verified.
    pub fn roots(&self) -> Roots {
        self.roots
    }

    /// How many bytes of the input have been read, including earlier streams.
    pub fn position(&self) -> u64 {
        self.input.at
    }

    /// The place in the input of the record handed out last, for [`Contents`](crate::Contents).
    pub fn place(&self) -> Place {
        self.place
    }

    /// Reads up to the first record; `first` are bytes that have already been read.
    fn begin(mut input: Input<R>, first: &[u8], mut content: Vec<u8>) -> Result<Self> {
        let stream_begin = input.at.saturating_sub(first.len() as u64);
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
        let (at, mut held) = (input.at, Vec::new());
        if header.rest {
            let frame = input.known_frame(&mut content)?;
            if frame.kind != frame::PART {
                let found = frame.kind_text();
                return Err(damaged(at, format!("expected what the target holds, found {found}")));
            }
            held = held::from_bytes(&content).map_err(|reason| damaged(at, reason))?;
        }
        let end = held::validate(&header, &held).map_err(|reason| damaged(at, reason))?;
        Ok(Self {
            input,
            header,
            base_digests,
            held,
            content,
            group: None,
            end,
            place: Place { at: 0, mark: 0 },
            totals: Totals::default(),
            stream_begin,
            roots: Roots::default(),
            digest: None,
            state: DecoderState::Records,
        })
    }

    /// Reads and verifies the next frame; `None` for a valid trailer. For a group, only its table is
    /// verified.
    fn advance(&mut self) -> Result<Option<Frame>> {
        let frame = self.input.known_frame(&mut self.content)?;
        let at = self.input.frame_at;
        let damaged = |reason| damaged(at, reason);
        if frame.kind == frame::TRAILER {
            self.check_trailer(at).map_err(damaged)?;
            return Ok(None);
        }
        self.place = Place::new(at, &frame);
        if frame.kind == frame::GROUP {
            let group = Cursor::new(&self.content, &frame.digest, frame.offset.get());
            self.group = Some(group.map_err(damaged)?);
            return Ok(Some(frame));
        }
        let record = record(&frame, &self.content).map_err(damaged)?;
        let (kind, range) = (record.kind(), (record.offset(), record.length()));
        self.count(kind, range).map_err(damaged)?;
        Ok(Some(frame))
    }

    /// Checks a record against the rules and what the header announced, and counts it.
    fn count(&mut self, kind: RecordKind, range: (u64, u64)) -> std::result::Result<(), String> {
        self.end = check_range(kind, range, self.end, self.header.target.size)?;
        self.totals.add_range(kind, range.1);
        // Check immediately, because room was made only for what was announced.
        check_announced(&self.totals, self.announced())
    }

    /// Verifies the next record of the current group; none if there is no group, or no more records in it.
    fn next_of_group(&mut self) -> Result<Option<(RecordKind, u64, u64)>> {
        let Some(group) = &mut self.group else { return Ok(None) };
        let at = self.place.at;
        let Some(record) = group.next(&self.content).map_err(|reason| damaged(at, reason))? else {
            self.group = None;
            return Ok(None);
        };
        let (kind, range) = (record.kind(), (record.offset(), record.length()));
        self.count(kind, range).map_err(|reason| damaged(at, reason))?;
        Ok(Some((kind, range.0, range.1)))
    }

    /// The bytes of the group's record that was verified last.
    fn of_group(&self, length: u64) -> &[u8] {
        let end = self.group.map_or(0, |group| group.place());
        let begin = end.saturating_sub(usize::try_from(length).unwrap_or(usize::MAX));
        &self.content[begin..end]
    }

    fn announced(&self) -> (u64, u64) {
        (self.header.changed_bytes, self.header.unmapped_bytes)
    }

    /// Checks the trailer against the stream; `at` is the position of its frame in the input.
    fn check_trailer(&mut self, at: u64) -> std::result::Result<(), String> {
        let trailer = Trailer::ref_from_bytes(&self.content).map_err(|_| {
            let expected = size_of::<Trailer>();
            format!("a trailer of {} bytes: expected {expected}", self.content.len())
        })?;
        if trailer.totals() != self.totals {
            return Err(format!(
                "the trailer counts {:?}, but {:?} came before it",
                trailer.totals(),
                self.totals
            ));
        }
        if self.totals.discard_bytes != self.header.unmapped_bytes {
            return Err(format!(
                "{} bytes were unmapped, but the header announced {}",
                self.totals.discard_bytes, self.header.unmapped_bytes
            ));
        }
        let length = at.saturating_sub(self.stream_begin);
        if trailer.length.get() != length || trailer.index.get() >= length {
            return Err(format!(
                "the trailer says that {} bytes come before it and the index at {}, but {length} came",
                trailer.length, trailer.index
            ));
        }
        let roots = trailer.roots()?;
        if let ([whole], Some(root)) = (self.base_digests.as_slice(), roots.base)
            && whole.kind == DigestKind::Root
            && !self.header.undo
            && whole.digest != root
        {
            return Err("the base's root digest differs from the one at the beginning".into());
        }
        if roots.base.is_some() && self.header.base.is_none() {
            return Err("a base's root digest, but no base".into());
        }
        if trailer.digest(self.input.before_frame.clone()) != trailer.stream_digest {
            return Err("the trailer's digest does not match the stream".into());
        }
        (self.roots, self.digest) = (roots, Some(trailer.stream_digest));
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

    fn held(&self) -> &[Held] {
        &self.held
    }

    fn next_record(&mut self) -> Result<Option<Record<'_>>> {
        if !self.state.begin(self.input.at)? {
            return Ok(None);
        }
        loop {
            if let Some((kind, offset, length)) = self.next_of_group()? {
                self.state.came(true);
                return Ok(Some(match kind {
                    RecordKind::Data => Record::Data { offset, bytes: self.of_group(length) },
                    RecordKind::Zero => Record::Zero { offset, length },
                    RecordKind::Discard => Record::Discard { offset, length },
                }));
            }
            let frame = self.advance()?;
            let Some(frame) = frame else {
                self.state.came(false);
                return Ok(None);
            };
            if self.group.is_none() {
                self.state.came(true);
                let record = record(&frame, &self.content);
                return record.map(Some).map_err(|reason| damaged(self.place.at, reason));
            }
        }
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

/// The record made of a frame and its content.
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

/// The bytes of the stream, counted and hashed as they are read.
struct Input<R: Read> {
    input: R,
    /// How many bytes have been read.
    at: u64,
    /// The position of the last frame that was read.
    frame_at: u64,
    digest: blake3::Hasher,
    /// The digest of everything before the last frame, if that is a trailer.
    before_frame: blake3::Hasher,
    /// The next frame's number.
    sequence: u64,
    /// Created for the first compressed content.
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
        if let Some((name, command)) = compression(line).filter(|_| begin == 0) {
            return Err(Error::Compressed { name, command });
        }
        let what = format!(
            "it begins with \"{}\", but a stream of this version begins with \"{}\"",
            line.escape_ascii(),
            MAGIC.escape_ascii()
        );
        if line.starts_with(b"HYPERLAYER/") {
            return Err(Error::Unsupported { at: begin, what });
        }
        if begin > 0 {
            return Err(damaged(
                begin,
                format!("bytes after the trailer that are not another stream: {what}"),
            ));
        }
        Err(damaged(begin, what))
    }

    /// The next frame of a known kind, with its content in `content`. Frames of unknown kinds that are
    /// marked as optional are skipped, whatever they contain.
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
                    // The stream's digest relies on this.
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

    /// The next frame, and its stored content.
    fn frame(&mut self, stored: &mut Vec<u8>) -> Result<Frame> {
        let at = self.at;
        self.frame_at = at;
        let mut bytes = [0; FRAME_BYTES];
        self.fill_whole(&mut bytes, "a frame")?;
        let frame = Frame::read_from_bytes(&bytes).expect("the array has a frame's size");
        if !frame.is_sound() {
            return Err(damaged(at, "a frame does not match its check".into()));
        }
        if frame.sequence.get() != self.sequence {
            return Err(damaged(
                at,
                format!("frame {} instead of frame {}", frame.sequence, self.sequence),
            ));
        }
        self.sequence = self.sequence.saturating_add(1);
        let length = frame.stored.get() as usize;
        if length > MAX_RECORD {
            let reason = format!(
                "a frame with {length} bytes of content: at most {MAX_RECORD} \
                 are allowed"
            );
            return Err(damaged(at, reason));
        }
        if frame.kind == frame::TRAILER {
            self.before_frame = self.digest.clone();
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

    /// Reads until `buf` is full or the input ends; returns how much was read.
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
