//! [`Store`]: the header, and the areas full of exceptions.

use blockio::{AlignedBuf, ReadAt};
use zerocopy::FromBytes;

use crate::chunk_set::ChunkSet;
use crate::disk::DiskException;
use crate::{ChunkSize, Error, Exceptions, OriginChunk, Result, StoreChunk, header};

/// The first bytes of the device, in which the header is.
const HEAD: u64 = 4096;

/// How much of an area is read at once, in bytes: chunks can have a gigabyte.
const PIECE: u64 = 64 << 10;

/// The exception store of a snapshot (drivers/md/dm-snap-persistent.c).
///
/// Chunk 0 is the header. Then there are areas of one chunk each, and after each area as many
/// chunks of data as it has room for exceptions.
pub struct Store<R> {
    reader: R,
    chunk_size: ChunkSize,
    layout: Layout,
}

impl<R: ReadAt> Store<R> {
    /// Opens the store in `reader`, a COW device or an image of it of `size` bytes.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the kernel gave the snapshot up; and where the device fails, or the
    /// header is damaged or of an unknown version.
    pub fn open(reader: R, size: u64) -> Result<Self> {
        let head = HEAD.min(size);
        if head == 0 {
            return Err(Error::corrupt(StoreChunk::HEADER, "the device is empty"));
        }
        let io = |source| Error::Io { chunk: StoreChunk::HEADER, source };
        let mut buf = AlignedBuf::new(head as usize).map_err(io)?;
        reader.read_at(0, &mut buf).map_err(io)?;
        let chunk_size = header::from_bytes(&buf)?;
        Ok(Self { reader, chunk_size, layout: Layout::new(chunk_size, size) })
    }

    /// The size of the snapshot's chunks.
    pub fn chunk_size(&self) -> ChunkSize {
        self.chunk_size
    }

    /// All exceptions there are, of an origin of `origin_size` bytes.
    ///
    /// Of a running snapshot: all that were there when this began, and perhaps later ones. The kernel
    /// only ever appends, and clears an area before the one before it is full. So areas are read
    /// one after another, and none ahead of its turn: it could have been cleared since.
    ///
    /// # Errors
    /// Where the device fails or the store is damaged.
    pub fn exceptions(&self, origin_size: u64) -> Result<Exceptions> {
        let mut found = Found {
            layout: self.layout,
            origin_chunks: origin_size.div_ceil(self.chunk_size.bytes()),
            exceptions: Exceptions::none(self.chunk_size),
            kept: ChunkSet::default(),
        };
        let length = self.chunk_size.bytes().min(PIECE);
        let io = |source| Error::Io { chunk: StoreChunk::HEADER, source };
        let mut buf = AlignedBuf::new(length as usize).map_err(io)?;
        // Each is another place in the device, so this ends.
        for number in 0.. {
            let area = self.layout.area(number)?;
            if self.read_area(area, &mut buf, &mut found)? == Area::EndsHere {
                break;
            }
        }
        Ok(found.exceptions)
    }

    fn read_area(&self, area: StoreChunk, buf: &mut [u8], found: &mut Found) -> Result<Area> {
        let begin = area.offset(self.chunk_size).expect("it lies in the device");
        // A piece is a part of the chunk: both are powers of two.
        for skip in (0..self.chunk_size.bytes()).step_by(buf.len()) {
            self.reader
                .read_at(begin.saturating_add(skip), buf)
                .map_err(|source| Error::Io { chunk: area, source })?;
            if found.add_all(area, buf)? == Area::EndsHere {
                return Ok(Area::EndsHere);
            }
        }
        Ok(Area::IsFull)
    }
}

/// What comes after a piece of an area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Area {
    /// More of it, or the next area.
    IsFull,
    /// Nothing.
    EndsHere,
}

/// Where things are in the device.
#[derive(Clone, Copy)]
struct Layout {
    /// How many whole chunks the device has.
    chunks: u64,
    /// How many chunks there are from one area to the next.
    stride: u64,
}

impl Layout {
    fn new(chunk_size: ChunkSize, size: u64) -> Self {
        let bytes = chunk_size.bytes();
        let per_area = bytes.checked_div(size_of::<DiskException>() as u64).unwrap_or(0);
        let chunks = size.checked_div(bytes).unwrap_or(0);
        Self { chunks, stride: per_area.saturating_add(1) }
    }

    /// The area of that number.
    fn area(self, number: u64) -> Result<StoreChunk> {
        let chunk = number.checked_mul(self.stride).and_then(|before| before.checked_add(1));
        match chunk {
            Some(chunk) if chunk < self.chunks => Ok(StoreChunk::new(chunk)),
            _ => {
                // The kernel gives a snapshot up rather than let it come to that.
                let last = StoreChunk::new(chunk.unwrap_or(u64::MAX));
                let count = self.chunks;
                Err(Error::corrupt(last, format!("the list leads past the end (chunk {count})")))
            }
        }
    }

    /// Whether exceptions are in this chunk, and no data.
    fn is_area(self, chunk: u64) -> bool {
        chunk.checked_rem(self.stride) == Some(1)
    }
}

/// What was found so far.
struct Found {
    layout: Layout,
    origin_chunks: u64,
    exceptions: Exceptions,
    /// The places where chunks are kept.
    kept: ChunkSet,
}

impl Found {
    /// Takes in the exceptions of a piece of an area.
    fn add_all(&mut self, area: StoreChunk, piece: &[u8]) -> Result<Area> {
        let list = <[DiskException]>::ref_from_bytes(piece)
            .map_err(|_| Error::corrupt(area, "it holds only part of an exception"))?;
        for exception in list {
            let (old, new) = (exception.old_chunk.get(), exception.new_chunk.get());
            if new == 0 {
                // What follows can be anything: a part that the kernel is writing at the moment.
                return Ok(Area::EndsHere);
            }
            self.add(area, OriginChunk::new(old), StoreChunk::new(new))?;
        }
        Ok(Area::IsFull)
    }

    /// There are no checksums. An exception that the kernel would never write may stand where another
    /// one did, so it is refused even where it says nothing new: a chunk that changed could be missing.
    fn add(&mut self, area: StoreChunk, old: OriginChunk, new: StoreChunk) -> Result<()> {
        let corrupt = |reason: String| Err(Error::corrupt(area, reason));
        if old.get() >= self.origin_chunks {
            let count = self.origin_chunks;
            return corrupt(format!("chunk {old} is past the origin's end (chunk {count})"));
        }
        if new.get() >= self.layout.chunks {
            let count = self.layout.chunks;
            return corrupt(format!("it keeps a chunk at {new}, past the end (chunk {count})"));
        }
        if self.layout.is_area(new.get()) {
            return corrupt(format!("it keeps a chunk at {new}, where exceptions are stored"));
        }
        if !self.kept.insert(new.get()) {
            return corrupt(format!("it keeps two chunks at {new}"));
        }
        if !self.exceptions.insert(old) {
            return corrupt(format!("it has chunk {old} twice"));
        }
        Ok(())
    }
}
