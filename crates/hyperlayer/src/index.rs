//! [`Index`]: where the records of a stream in a file are, so that one seek finds any place.

use std::io::{Read, Seek, SeekFrom};

use zerocopy::FromBytes;

use crate::error::Result;
use crate::frame::{self, FRAME_BYTES, Frame};
use crate::index_writer::RawEntry;
use crate::{Error, MAX_RECORD, Outline};

/// Where a frame with records is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The beginning of its first record's range in the volume, in bytes.
    pub offset: u64,
    /// The distance from there to the end of its last record's range.
    pub length: u64,
    /// The frame's position in the file, in bytes.
    pub position: u64,
    /// Its size including the stored bytes that follow it.
    pub size: u64,
    /// Whether it has data; otherwise it only has zeros and discards.
    pub has_data: bool,
}

/// The index of one stream in a file. It is not trusted: [`Contents`](crate::Contents) verifies the frames
/// found.
///
/// ```
/// # use std::io::Cursor;
/// use hyperlayer::{Encoder, Index, Outline};
/// # let header = hyperlayer::Header {
/// #     target: hyperlayer::Volume { name: "a".into(), uuid: String::new(), size: 1 << 30 },
/// #     base: None,
/// #     chunk_size: 65536,
/// #     pairs: vec![],
/// #     detect_level: 0,
/// #     extents: 0,
/// #     changed_bytes: 1 << 30,
/// #     unmapped_bytes: 0,
/// #     tool: "doctest".into(),
/// #     created: 0,
/// #     undo: false,
/// #     base_origin: String::new(),
/// #     identity: hyperlayer::Identity::default(),
/// #     rest: false,
/// # };
/// let mut encoder = Encoder::new(Vec::new(), &header, &[])?;
/// for number in 0..1000 {
///     encoder.data(number << 20, &[7; 512])?;
/// }
/// let mut file = Cursor::new(encoder.finish()?.0);
///
/// let outlines = Outline::all(&mut file)?;
/// let index = Index::of(&outlines[0]).expect("it has one");
/// let found = index.find(&mut file, (500 << 20) + 511)?.expect("a record is there");
/// assert_eq!((found.offset, found.length), (500 << 20, 512));
/// // If there is no record at an offset, the next one is found.
/// let found = index.find(&mut file, (500 << 20) + 512)?.expect("a record follows");
/// assert_eq!(found.offset, 501 << 20);
/// # Ok::<(), hyperlayer::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Index {
    /// Where the stream begins in the file.
    begin: u64,
    /// The position of the index's top frame in the file.
    top: u64,
}

impl Index {
    /// The index of a stream, if it has one.
    pub fn of(outline: &Outline) -> Option<Self> {
        let top = outline.begin.checked_add(outline.index?)?;
        Some(Self { begin: outline.begin, top })
    }

    /// Finds the first frame with a record that ends after `offset` in the volume; none after the last
    /// record. Reads one index frame per level: one level holds 32768 records, two hold 2^30.
    ///
    /// # Errors
    /// [`Error::Cut`], [`Error::Damaged`] or [`Error::Io`].
    pub fn find(&self, file: &mut (impl Read + Seek), offset: u64) -> Result<Option<Entry>> {
        let mut position = self.top;
        loop {
            let entries = self.read(file, position)?;
            let number = entries.partition_point(|entry| entry.end() <= offset);
            let Some(entry) = entries.get(number) else { return Ok(None) };
            let place = self.begin.saturating_add(entry.position.get());
            if entry.kind == frame::INDEX {
                // Each frame is closer to the beginning than the last, so this ends.
                position = place;
                continue;
            }
            return Ok(Some(Entry {
                offset: entry.offset.get(),
                length: entry.length.get(),
                position: place,
                size: (FRAME_BYTES as u64).saturating_add(entry.stored.get().into()),
                has_data: [frame::DATA, frame::GROUP].contains(&entry.kind),
            }));
        }
    }

    /// The entries of an index frame, in ascending order.
    fn read(&self, file: &mut (impl Read + Seek), position: u64) -> Result<Vec<RawEntry>> {
        let damaged = |reason: &str| Error::Damaged { at: position, reason: reason.into() };
        file.seek(SeekFrom::Start(position))?;
        let mut bytes = [0; FRAME_BYTES];
        file.read_exact(&mut bytes)?;
        let frame = Frame::read_from_bytes(&bytes).expect("the array has a frame's size");
        let stored = frame.stored.get() as usize;
        if !frame.is_sound() || frame.kind != frame::INDEX || stored > MAX_RECORD {
            return Err(damaged("there is no index"));
        }
        let mut content = vec![0; stored];
        file.read_exact(&mut content)?;
        if blake3::hash(&content) != frame.digest {
            return Err(damaged("the index does not match its BLAKE3"));
        }
        let entries = <[RawEntry]>::ref_from_bytes(&content)
            .map_err(|_| damaged("an index whose entries are not 32 bytes each"))?;
        let (mut end, mut place) = (0, 0);
        let own_place = position.saturating_sub(self.begin);
        for entry in entries {
            let is_sound = entry.offset.get() >= end
                && entry.length.get() > 0
                && entry.position.get() > place
                && entry.position.get() < own_place;
            if !is_sound {
                return Err(damaged("an index whose entries do not ascend"));
            }
            (end, place) = (entry.end(), entry.position.get());
        }
        Ok(entries.to_vec())
    }
}
