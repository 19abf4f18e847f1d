//! [`Outline`]: what a stream in a file is, without reading its data.

use std::io::{Read, Seek, SeekFrom};

use zerocopy::FromBytes;

use crate::error::Result;
use crate::frame::{self, FRAME_BYTES, Frame};
use crate::trailer::Trailer;
use crate::{
    BaseDigest, Decoder, DigestKind, Error, Header, Held, MAX_RECORD, Records, Roots, Totals,
};

/// A stream's header and trailer: what lies in between is skipped.
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
    /// What the target holds already.
    pub held: Vec<Held>,
    /// The root digests that its trailer has.
    pub roots: Roots,
    /// Where the top of its index stands, from its beginning, if it has one.
    pub index: Option<u64>,
    /// Where it begins in the file, in bytes.
    pub begin: u64,
    /// Where it ends.
    pub end: u64,
}

impl Outline {
    /// The outlines of all streams from the file's position to its end.
    ///
    /// Each trailer says where its stream begins, so they are found from the end: a few reads for a stream,
    /// whatever its size. Where that does not lead to the beginning, all frames are gone through from there, to
    /// say what is wrong. That a stream is here says that its two ends belong together; that what lies between
    /// them is sound is for a [`Decoder`] to say.
    ///
    /// # Errors
    /// [`Error::Cut`], [`Error::Damaged`], [`Error::Unsupported`] or [`Error::Io`].
    pub fn all(file: &mut (impl Read + Seek)) -> Result<Vec<Self>> {
        let mut begin = file.stream_position()?;
        let size = file.seek(SeekFrom::End(0))?;
        if let Some(outlines) = Self::from_the_end(file, begin, size)? {
            return Ok(outlines);
        }
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

    /// The same, from one trailer to the one before it; none where one of them is not what it must be.
    fn from_the_end(
        file: &mut (impl Read + Seek),
        begin: u64,
        size: u64,
    ) -> Result<Option<Vec<Self>>> {
        const TAIL: usize = FRAME_BYTES.saturating_add(size_of::<Trailer>());
        let (mut outlines, mut end) = (Vec::new(), size);
        while end > begin {
            let place = end.checked_sub(TAIL as u64).filter(|place| *place > begin);
            let Some(place) = place else { return Ok(None) };
            let mut bytes = [0; TAIL];
            file.seek(SeekFrom::Start(place))?;
            file.read_exact(&mut bytes)?;
            let Some((frame, trailer)) = tail(&bytes) else { return Ok(None) };
            let Some(start) = place.checked_sub(trailer.length.get()) else { return Ok(None) };
            if start < begin || trailer.length.get() == 0 {
                return Ok(None);
            }
            file.seek(SeekFrom::Start(start))?;
            let decoder = match Decoder::new(&mut *file) {
                Ok(decoder) => decoder,
                Err(Error::Io(error)) => return Err(Error::Io(error)),
                Err(_) => return Ok(None),
            };
            let Some(outline) = Self::of(&decoder, &frame, trailer, (start, end)) else {
                return Ok(None);
            };
            outlines.push(outline);
            end = start;
        }
        outlines.reverse();
        Ok((!outlines.is_empty()).then_some(outlines))
    }

    /// The outline of a stream with such a trailer; none where that is not as it must be.
    fn of<R: Read>(
        decoder: &Decoder<R>,
        frame: &Frame,
        trailer: &Trailer,
        (begin, end): (u64, u64),
    ) -> Option<Self> {
        let (index, length) = (trailer.index.get(), trailer.length.get());
        // The header has a number as well, so the trailer has not the first one.
        if index >= length || frame.sequence.get() == 0 {
            return None;
        }
        Some(Self {
            header: decoder.header().clone(),
            base_digests: decoder.base_digests().to_vec(),
            totals: trailer.totals(),
            stream_digest: trailer.stream_digest,
            held: decoder.held().to_vec(),
            roots: trailer.roots().ok()?,
            index: (index > 0).then_some(index),
            begin,
            end,
        })
    }

    /// The root digest of what the stream starts from, where it says that.
    pub fn base_root(&self) -> Option<[u8; 32]> {
        let root = self.base_digests.first().filter(|_| !self.header.undo);
        let root = root.filter(|digest| digest.kind == DigestKind::Root).map(|root| root.digest);
        root.or(self.roots.base)
    }

    fn one(file: &mut (impl Read + Seek), begin: u64, size: u64) -> Result<Self> {
        let decoder = Decoder::new(&mut *file).map_err(|error| error.moved_by(begin))?;
        // Optional frames may have come before: how many, the decoder does not say.
        let mut expected = (1, u64::MAX);
        let (header, base_digests) = (decoder.header().clone(), decoder.base_digests().to_vec());
        let held = decoder.held().to_vec();
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
                let roots = trailer.roots().map_err(|reason| Error::Damaged { at, reason })?;
                let (index, length) = (trailer.index.get(), trailer.length.get());
                if length != at.saturating_sub(begin) || index >= length {
                    return Err(damaged("the trailer says that the stream has another length"));
                }
                let index = (index > 0).then_some(index);
                return Ok(Self {
                    header,
                    base_digests,
                    totals,
                    stream_digest,
                    held,
                    roots,
                    index,
                    begin,
                    end,
                });
            }
            at = end;
        }
    }
}

/// The frame and the content of a trailer, where that is what stands there.
fn tail(bytes: &[u8]) -> Option<(Frame, &Trailer)> {
    let (frame, content) = bytes.split_at_checked(FRAME_BYTES)?;
    let frame = Frame::read_from_bytes(frame).ok()?;
    let is_sound = frame.is_sound()
        && frame.kind == frame::TRAILER
        && frame.stored.get() as usize == content.len()
        && blake3::hash(content) == frame.digest;
    Some((frame, Trailer::ref_from_bytes(content).ok().filter(|_| is_sound)?))
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
