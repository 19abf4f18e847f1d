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
        loop {
            let at = file.stream_position()?;
            let cut = |inside| Error::Cut { at: size, inside };
            let damaged = |reason: &str| Error::Damaged { at, reason: reason.into() };
            let mut bytes = [0; FRAME_BYTES];
            if size.saturating_sub(at) < FRAME_BYTES as u64 {
                return Err(cut("a frame"));
            }
            file.read_exact(&mut bytes)?;
            let frame = Frame::read_from_bytes(&bytes).expect("the array has a frame's size");
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
                file.read_exact(&mut content)?;
                let trailer = Trailer::ref_from_bytes(&content)
                    .ok()
                    .filter(|_| blake3::hash(&content) == frame.digest)
                    .ok_or_else(|| damaged("the trailer does not match its digest"))?;
                let (totals, stream_digest) = (trailer.totals(), trailer.stream_digest);
                return Ok(Self { header, base_digests, totals, stream_digest, begin, end });
            }
            file.seek(SeekFrom::Start(end))?;
        }
    }
}
