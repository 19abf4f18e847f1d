//! [`Outline`]: what a stream in a file is, without reading its data.

use std::io::{Read, Seek, SeekFrom};

use zerocopy::FromBytes;

use crate::error::Result;
use crate::frame::{self, FRAME_BYTES, Frame};
use crate::totals::Trailer;
use crate::{BaseDigest, Decoder, Error, Header, MAX_RECORD, Records, Totals};

/// A stream's header and trailer, with the checks of its frames verified in between and the data
/// skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Its header.
    pub header: Header,
    /// Its base digests.
    pub base_digests: Vec<BaseDigest>,
    /// What its trailer counts.
    pub totals: Totals,
    /// The digest by which it is known, as its trailer has it.
    pub stream_digest: [u8; 32],
    /// Where it begins in the file, in bytes.
    pub begin: u64,
    /// Where it ends.
    pub end: u64,
}

impl Outline {
    /// The outlines of all streams from the file's position to its end.
    ///
    /// That a stream is here says that its frames are there and in order. That its data is sound is
    /// for a [`Decoder`] to say.
    ///
    /// # Errors
    /// [`Error::Cut`], [`Error::Damaged`], [`Error::Unsupported`] or [`Error::Io`].
    pub fn all(file: &mut (impl Read + Seek)) -> Result<Vec<Self>> {
        let mut begin = file.stream_position()?;
        let size = file.seek(SeekFrom::End(0))?;
        let mut outlines = Vec::new();
        loop {
            file.seek(SeekFrom::Start(begin))?;
            let outline = Self::one(file, begin, size)?;
            begin = outline.end;
            outlines.push(outline);
            if begin >= size {
                return Ok(outlines);
            }
        }
    }

    fn one(file: &mut (impl Read + Seek), begin: u64, size: u64) -> Result<Self> {
        let decoder = Decoder::new(&mut *file).map_err(|error| error.moved_by(begin))?;
        // Optional frames may have come before: how many, the decoder does not say.
        let mut expected = (if decoder.header().detect_level > 0 { 2 } else { 1 }, u64::MAX);
        let (header, base_digests) = (decoder.header().clone(), decoder.base_digests().to_vec());
        let mut at = file.stream_position()?;
        let mut window = Window { file, bytes: Vec::new(), begin: 0, size };
        loop {
            let cut = |inside| Error::Cut { at: size, inside };
            let damaged = |reason: &str| Error::Damaged { at, reason: reason.into() };
            if size.saturating_sub(at) < FRAME_BYTES as u64 {
                return Err(cut("a frame"));
            }
            let frame = window.frame(at)?;
            let stored = frame.stored.get();
            let sequence = frame.sequence.get();
            let follows = (expected.0..=expected.1).contains(&sequence);
            if !frame.is_sound() || !follows || stored as usize > MAX_RECORD {
                return Err(damaged("a frame does not match its check, or is not the next one"));
            }
            expected = (sequence.saturating_add(1), sequence.saturating_add(1));
            let end = at.saturating_add(FRAME_BYTES as u64).saturating_add(stored.into());
            if end > size {
                return Err(cut("a frame's content"));
            }
            if frame.kind == frame::TRAILER {
                let mut content = vec![0; stored as usize];
                window.file.seek(SeekFrom::Start(at.saturating_add(FRAME_BYTES as u64)))?;
                window.file.read_exact(&mut content)?;
                let trailer = Trailer::ref_from_bytes(&content)
                    .ok()
                    .filter(|_| blake3::hash(&content) == frame.digest)
                    .ok_or_else(|| damaged("the trailer does not match its digest"))?;
                let (totals, stream_digest) = (trailer.totals(), trailer.stream_digest);
                return Ok(Self { header, base_digests, totals, stream_digest, begin, end });
            }
            at = end;
        }
    }
}

/// A piece of the file that was read at once: small records have many frames in it.
struct Window<'a, F> {
    file: &'a mut F,
    bytes: Vec<u8>,
    /// Where it begins in the file.
    begin: u64,
    /// The file's size.
    size: u64,
}

/// As much as is read at once where frames are near to each other.
const WINDOW: usize = 64 << 10;

impl<F: Read + Seek> Window<'_, F> {
    /// The frame at an offset, before the file's end.
    fn frame(&mut self, at: u64) -> Result<Frame> {
        let place = |begin: u64| usize::try_from(at.checked_sub(begin)?).ok();
        let found = |bytes: &[u8], place: usize| {
            let bytes = bytes.get(place..)?.get(..FRAME_BYTES)?;
            Frame::read_from_bytes(bytes).ok()
        };
        if let Some(frame) = place(self.begin).and_then(|place| found(&self.bytes, place)) {
            return Ok(frame);
        }
        // After a large content, more of it would be read than of frames.
        let window_end = self.begin.saturating_add(self.bytes.len() as u64);
        let is_far = !self.bytes.is_empty() && at > window_end.saturating_add(WINDOW as u64 / 2);
        let most = if is_far { FRAME_BYTES } else { WINDOW };
        let length = usize::try_from(self.size.saturating_sub(at)).unwrap_or(most).min(most);
        self.bytes.resize(length, 0);
        self.begin = at;
        self.file.seek(SeekFrom::Start(at))?;
        self.file.read_exact(&mut self.bytes)?;
        found(&self.bytes, 0).ok_or(Error::Cut { at: self.size, inside: "a frame" })
    }
}
