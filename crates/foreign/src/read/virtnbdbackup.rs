//! virtnbdbackup's streams, formats 1 and 2, uncompressed and with LZ4.
//!
//! LZ4 frames mark their own ends, so a stream is read in one pass; the sizes at its end are checked against
//! what was read.

mod alone;
mod sizes;

use std::io::{self, Read};

use lz4_flex::frame::FrameDecoder;
use serde::Deserializer as _;
use serde_json::Value;
use serde_json::error::Category;

pub use self::alone::virtnbdbackup_is_alone;
use self::sizes::{Sizes, Told};
use super::bytes::{Bytes, Pending, damaged};
use super::change::{Change, What};
use super::format::Format;
use super::local_time::LocalTime;
use super::said::{FollowedBy, Foreign, LEFT_OUT, NO_CHECKSUMS, NO_IDENTITY, Start};
use crate::Result;
use hyperlayer::{Error, MAX_RECORD};

/// A stream's first bytes.
pub(super) const FIRST: &[u8] = b"meta 000000000";
const FRAME: usize = 40;
const END: &[u8] = b"\r\n";
/// The most that JSON may have before the data, in bytes.
const META: u64 = MAX_RECORD as u64;
/// The most that it may have after the data: a number for each block.
const SIZES: u64 = 256 << 20;

pub(super) struct VirtNbdBackup {
    compressed: bool,
    /// Made from a base, so a frame of zeros means something else.
    incremental: bool,
    /// How much data the stream announced, and how much came.
    announced: u64,
    came: u64,
    pending: Pending,
    inside: bool,
    /// The frame being decompressed.
    content: Vec<u8>,
    given: usize,
    /// The compressed sizes of each block's frames.
    sizes: Sizes,
}

/// Whether a stream of virtnbdbackup's begins with these bytes.
pub fn is(first: &[u8]) -> bool {
    first.starts_with(FIRST)
}

pub(super) fn begin<R: Read>(source: &mut Bytes<R>) -> Result<(VirtNbdBackup, Foreign)> {
    let at = source.at();
    let (kind, _, length) = frame(source)?;
    if kind != *b"meta" || length > META {
        return Err(damaged(at, format!("a stream whose meta frame has {length} bytes")));
    }
    let mut json = vec![0; length as usize];
    source.fill_whole(&mut json, "the meta frame")?;
    expect_line_end(source)?;
    let wrong = |what: &str| damaged(at, format!("the meta frame's JSON {what}"));
    let meta: Value =
        serde_json::from_slice(&json).map_err(|error| wrong(&format!("is broken: {error}")))?;
    let number = |key: &str| meta[key].as_u64().ok_or_else(|| wrong(&format!("has no {key}")));
    let (size, announced) = (number("virtualSize")?, number("dataSize")?);
    match meta["streamVersion"].as_u64().unwrap_or(1) {
        1 | 2 => {}
        version => {
            let what = format!("virtnbdbackup's stream format {version}");
            return Err(Error::Unsupported { at, what });
        }
    }
    // A compression level, or true; older writers do not write this key.
    let compressed = match &meta["compressed"] {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) | Value::Number(_) => true,
        _ => return Err(wrong("has an invalid value for compressed")),
    };
    if compressed && meta["compressionMethod"].as_str().is_some_and(|method| method != "lz4") {
        let what = format!("compression by {}", meta["compressionMethod"]);
        return Err(Error::Unsupported { at, what });
    }
    let text = |key: &str| meta[key].as_str().unwrap_or_default().to_owned();
    let incremental = meta["incremental"].as_bool().unwrap_or(false);
    let uuid = |key: &str| Some(text(key)).filter(|text| text.len() <= 64).unwrap_or_default();
    let starts = match incremental {
        true => Start::Base { uuid: uuid("parentCheckpoint") },
        false => Start::Nothing,
    };
    let mut lacks = match compressed {
        true => vec![NO_IDENTITY],
        false => vec![NO_CHECKSUMS, NO_IDENTITY],
    };
    if incremental {
        // Since 2.21 the stream leaves out a changed range that has become a hole.
        lacks.push(LEFT_OUT);
    }
    let disk = Some(text("diskName")).filter(|name| !name.is_empty());
    let foreign = Foreign {
        name: disk.clone(),
        uuid: uuid("checkpointName"),
        disk,
        made: meta["date"].as_str().and_then(LocalTime::parse),
        size: Some(size),
        starts,
        lacks,
        followed_by: FollowedBy::VirtNbdBackup,
        ..Foreign::new(if compressed { "virtnbdbackup (LZ4)" } else { "virtnbdbackup" })
    };
    let reader = VirtNbdBackup {
        compressed,
        incremental,
        announced,
        came: 0,
        pending: Pending::default(),
        inside: false,
        content: Vec::new(),
        given: 0,
        sizes: Sizes::default(),
    };
    Ok((reader, foreign))
}

impl<R: Read> Format<R> for VirtNbdBackup {
    fn next(&mut self, source: &mut Bytes<R>, buf: &mut Vec<u8>) -> Result<Option<Change>> {
        loop {
            if let Some(change) = self.data(source, buf)? {
                return Ok(Some(change));
            }
            if std::mem::take(&mut self.inside) {
                expect_line_end(source)?;
            }
            let at = source.at();
            let (kind, offset, length) = frame(source)?;
            match &kind {
                b"data" => {
                    source.check_range(at, offset, length)?;
                    self.came = self.came.saturating_add(length);
                    if self.came > self.announced {
                        let reason =
                            format!("more data than {} bytes, as announced", self.announced);
                        return Err(damaged(at, reason));
                    }
                    (self.pending, self.inside) = (Pending::new(offset, length), true);
                    self.sizes.block();
                }
                b"zero" => {
                    source.check_range(at, offset, length)?;
                    // The first versions marked unchanged ranges like this; later ones leave them out.
                    if !self.incremental {
                        return Ok(Some(Change { what: What::Discard, offset, length }));
                    }
                }
                b"stop" => {
                    self.end(source, at)?;
                    return Ok(None);
                }
                _ => {
                    return Err(damaged(
                        at,
                        format!("a frame of kind \"{}\"", kind.escape_ascii()),
                    ));
                }
            }
        }
    }
}

impl VirtNbdBackup {
    /// The next piece of the current block.
    fn data<R: Read>(
        &mut self,
        source: &mut Bytes<R>,
        buf: &mut Vec<u8>,
    ) -> Result<Option<Change>> {
        if !self.compressed {
            return self.pending.next(source, buf, "a block's data");
        }
        let Some(change) = self.pending.piece() else { return Ok(None) };
        buf.clear();
        while buf.len() as u64 != change.length {
            if self.given == self.content.len() {
                self.decompress(source)?;
            }
            let rest = self.content.get(self.given..).unwrap_or_default();
            let wanted = (change.length as usize).saturating_sub(buf.len());
            let taken = rest.get(..wanted).unwrap_or(rest);
            buf.extend_from_slice(taken);
            self.given = self.given.saturating_add(taken.len());
        }
        if self.pending.is_empty() && self.given != self.content.len() {
            return Err(damaged(source.at(), "an LZ4 frame holds more than its block".into()));
        }
        Ok(Some(change))
    }

    /// Reads one LZ4 frame, whose checksums are verified before any of it is used.
    fn decompress<R: Read>(&mut self, source: &mut Bytes<R>) -> Result<()> {
        // The largest request of NBD, which is the most that the writer compresses at once, and one more byte
        // to detect a larger frame, which this tool never writes.
        const MOST: u64 = (32 << 20) + 1;
        let at = source.at();
        let mut watched = Watched { source, failed: None, ended: false };
        self.content.clear();
        self.given = 0;
        let mut limited = FrameDecoder::new(&mut watched).take(MOST);
        let read = limited.read_to_end(&mut self.content);
        let Watched { failed, ended, .. } = watched;
        if let Some(error) = failed {
            return Err(error.downcast::<Error>().unwrap_or_else(Error::Io));
        }
        if ended {
            return Err(Error::Cut { at: source.at(), inside: "an LZ4 frame" });
        }
        read.map_err(|error| damaged(at, format!("an LZ4 frame: {error}")))?;
        if self.content.is_empty() || self.content.len() as u64 == MOST {
            let reason = format!("an LZ4 frame of {} bytes", self.content.len());
            return Err(damaged(at, reason));
        }
        self.sizes.frame(source.at().saturating_sub(at));
        Ok(())
    }

    fn end<R: Read>(&self, source: &mut Bytes<R>, at: u64) -> Result<()> {
        if self.came != self.announced {
            let reason = format!("{} bytes of data: expected {}", self.came, self.announced);
            return Err(damaged(at, reason));
        }
        if self.compressed {
            self.check_sizes(source)?;
        }
        // Checked here already, so that a stream does not count as complete if something follows it. The reader
        // that checks the file's checksum also sees its end before the last record counts as read.
        let next = source.peek(FIRST.len())?;
        if !FIRST.starts_with(&next) {
            return Err(damaged(source.at(), "there is more input after the stream's end".into()));
        }
        Ok(())
    }

    /// The sizes at the end: JSON, a line end, and a frame that says how long the JSON is.
    fn check_sizes<R: Read>(&self, source: &mut Bytes<R>) -> Result<()> {
        let (at, inside) = (source.at(), "the compressed sizes at the end");
        let mut found = Told::new(&self.sizes);
        let mut limited = source.by_ref().take(SIZES);
        // It is read up to its closing bracket, and no further.
        let mut json = serde_json::Deserializer::from_reader(&mut limited);
        if let Err(error) = json.deserialize_seq(&mut found) {
            let is_end = limited.limit() > 0;
            return Err(match error.classify() {
                Category::Io => Error::Io(error.into()),
                Category::Eof if is_end => Error::Cut { at: source.at(), inside },
                _ => damaged(at, format!("{inside}: {error}")),
            });
        }
        let length = source.at().saturating_sub(at);
        let mut tail = [0; FRAME + END.len()];
        source.fill_whole(&mut tail, inside)?;
        let expected = format!("\r\ncomp {:016x} {length:016x}\r\n", 0);
        if tail != expected.as_bytes() {
            let found = tail.escape_ascii();
            return Err(damaged(at, format!("after {inside} comes \"{found}\"")));
        }
        match found.sizes == self.sizes {
            true => Ok(()),
            false => Err(damaged(at, format!("{inside} do not match the data"))),
        }
    }
}

/// The next frame's kind, place and length.
fn frame<R: Read>(source: &mut Bytes<R>) -> Result<([u8; 4], u64, u64)> {
    let (at, mut bytes) = (source.at(), [0; FRAME]);
    source.fill_whole(&mut bytes, "a frame")?;
    let number = |range: std::ops::Range<usize>| {
        let text = std::str::from_utf8(bytes.get(range)?).ok()?;
        let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        digits.then(|| u64::from_str_radix(text, 16).ok()).flatten()
    };
    let sound = bytes[4] == b' ' && bytes[21] == b' ' && bytes.ends_with(END);
    match (sound, number(5..21), number(22..38)) {
        (true, Some(start), Some(length)) => {
            Ok(([bytes[0], bytes[1], bytes[2], bytes[3]], start, length))
        }
        _ => Err(damaged(at, format!("a frame is \"{}\"", bytes.escape_ascii()))),
    }
}

fn expect_line_end<R: Read>(source: &mut Bytes<R>) -> Result<()> {
    let (at, mut bytes) = (source.at(), [0; 2]);
    source.fill_whole(&mut bytes, "a frame's content")?;
    match bytes == *END {
        true => Ok(()),
        false => Err(damaged(at, "there is no line end after a frame's content".into())),
    }
}

/// The input of an LZ4 frame: tells a cut, and errors of the input, from a damaged frame.
struct Watched<'a, R> {
    source: &'a mut Bytes<R>,
    failed: Option<io::Error>,
    ended: bool,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.source.read(buf) {
            Ok(length) => {
                self.ended |= length == 0 && !buf.is_empty();
                Ok(length)
            }
            Err(error) => {
                let kind = error.kind();
                if kind != io::ErrorKind::Interrupted {
                    self.failed = Some(error);
                }
                Err(kind.into())
            }
        }
    }
}
