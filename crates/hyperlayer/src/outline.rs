//! [`Outline`]: describes a stream in a file without reading its data.

use std::io::{Read, Seek, SeekFrom};

use zerocopy::FromBytes;

use crate::error::Result;
use crate::frame::{self, FRAME_BYTES, Frame};
use crate::trailer::Trailer;
use crate::{
    BaseDigest, Decoder, DigestKind, Error, Header, Held, MAX_RECORD, Records, Roots, Totals,
};

/// A stream's header and trailer; everything in between is skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Its header.
    pub header: Header,
    /// Its base digests.
    pub base_digests: Vec<BaseDigest>,
    /// The trailer's totals.
    pub totals: Totals,
    /// The stream's digest from its trailer, which identifies it.
    pub stream_digest: [u8; 32],
    /// What the target already holds.
    pub held: Vec<Held>,
    /// The root digests from its trailer.
    pub roots: Roots,
    /// The position of the index's top frame, from the beginning of the stream, if there is an index.
    pub index: Option<u64>,
    /// The stream's beginning in the file, in bytes.
    pub begin: u64,
    /// Its end in the file.
    pub end: u64,
}

impl Outline {
    /// The outlines of all streams from the file's position to its end.
    ///
    /// Each trailer says where its stream begins, so streams are found from the end, with a few reads each,
    /// whatever their size. If that does not lead back to the beginning, all frames are read from the
    /// beginning, to say what is wrong. An outline shows that a stream's two ends belong together; only a
    /// [`Decoder`] can tell whether everything in between is sound.
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

    /// Finds them from one trailer to the previous one; none if a trailer is not valid.
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

    /// The outline of a stream with this trailer; none if the trailer is not valid.
    fn of<R: Read>(
        decoder: &Decoder<R>,
        frame: &Frame,
        trailer: &Trailer,
        (begin, end): (u64, u64),
    ) -> Option<Self> {
        let (index, length) = (trailer.index.get(), trailer.length.get());
        // The header is numbered as well, so the trailer is never number 0.
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

    /// The root digest of what the stream starts from, if it states one.
    pub fn base_root(&self) -> Option<[u8; 32]> {
        let root = self.base_digests.first().filter(|_| !self.header.undo);
        let root = root.filter(|digest| digest.kind == DigestKind::Root).map(|root| root.digest);
        root.or(self.roots.base)
    }

    fn one(file: &mut (impl Read + Seek), begin: u64, size: u64) -> Result<Self> {
        let decoder = Decoder::new(&mut *file).map_err(|error| error.moved_by(begin))?;
        // Optional frames may have come before; the decoder does not say how many.
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
                    return Err(damaged("the trailer gives a different length for the stream"));
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

/// The frame and the content of a trailer, if these bytes are one.
fn tail(bytes: &[u8]) -> Option<(Frame, &Trailer)> {
    let (frame, content) = bytes.split_at_checked(FRAME_BYTES)?;
    let frame = Frame::read_from_bytes(frame).ok()?;
    let is_sound = frame.is_sound()
        && frame.kind == frame::TRAILER
        && frame.stored.get() as usize == content.len()
        && blake3::hash(content) == frame.digest;
    Some((frame, Trailer::ref_from_bytes(content).ok().filter(|_| is_sound)?))
}

/// A piece of the file that was read at once: with small records it contains many frames.
struct Window<'a, F> {
    file: &'a mut F,
    bytes: Vec<u8>,
    /// Its beginning in the file.
    begin: u64,
    /// The file's size.
    size: u64,
}

/// How much is read at once if frames are close together.
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
        // After a large content, most of a window would be content rather than frames.
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
