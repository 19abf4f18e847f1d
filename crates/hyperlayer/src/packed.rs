//! [`Packer`] and [`Packed`]: a data record's content in its stored form.

use crate::error::Result;
use crate::frame::Stored;
use crate::group::{self, PackedGroup, groups};
use crate::{Error, MAX_RECORD, Record};

/// What is computed from a content before it is written: on any thread, for many contents at once.
pub struct Packed {
    pub(crate) digest: [u8; 32],
    /// The compressed content, if that is shorter.
    pub(crate) compressed: Option<Vec<u8>>,
}

/// A unit that is written in one go.
pub enum Parcel {
    /// The record with this number, packed if it has a content.
    Record(usize, Option<Packed>),
    /// Several records.
    Group(PackedGroup),
}

/// Hashes contents, and compresses them if required. Each thread has its own packer.
pub struct Packer {
    compressor: Option<zstd::bulk::Compressor<'static>>,
    /// A buffer for the next compressed content: the kernel would zero a fresh buffer of 1 MiB page by
    /// page, every time.
    room: Vec<u8>,
    /// A buffer for the next group's content.
    group: Vec<u8>,
}

impl Packer {
    /// A packer that compresses with zstd at this level, or not at all.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is no such level.
    pub fn new(level: Option<i32>) -> Result<Self> {
        if let Some(level) = level
            && !Self::levels().contains(&level)
        {
            return Err(Error::Invalid(format!("zstd has no level {level}")));
        }
        let compressor = level.map(zstd::bulk::Compressor::new).transpose()?;
        Ok(Self { compressor, room: Vec::new(), group: Vec::new() })
    }

    /// zstd's levels.
    pub fn levels() -> std::ops::RangeInclusive<i32> {
        zstd::compression_level_range()
    }

    /// Packs a content.
    ///
    /// # Errors
    /// If zstd fails, which only happens when memory runs out.
    pub fn pack(&mut self, bytes: &[u8]) -> Result<Packed> {
        let digest = *blake3::hash(bytes).as_bytes();
        Ok(Packed { digest, compressed: self.compress(bytes)? })
    }

    /// The compressed bytes, if compression is on and they are fewer.
    fn compress(&mut self, bytes: &[u8]) -> Result<Option<Vec<u8>>> {
        let Some(compressor) = &mut self.compressor else { return Ok(None) };
        let mut room = std::mem::take(&mut self.room);
        room.clear();
        room.reserve(zstd::zstd_safe::compress_bound(bytes.len()));
        let length = compressor.compress_to_buffer(bytes, &mut room)?;
        if length < bytes.len() {
            return Ok(Some(room));
        }
        self.room = room;
        Ok(None)
    }

    /// Packs records together: they must be small and adjacent in the stream, in this order.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there are none, or more than fit into a group; an error if zstd fails.
    pub fn pack_group(&mut self, records: &[Record<'_>]) -> Result<PackedGroup> {
        let mut content = std::mem::take(&mut self.group);
        let table = group::to_bytes(records, &mut content)?;
        let digest = *blake3::hash(&content[..table]).as_bytes();
        let length = content.len() as u64;
        let compressed = self.compress(&content)?;
        let is_compressed = compressed.is_some();
        let stored = match compressed {
            Some(compressed) => {
                self.group = content;
                compressed
            }
            None => content,
        };
        let range = |record: &Record<'_>| (record.kind(), record.offset(), record.length());
        let ranges = records.iter().map(range).collect();
        Ok(PackedGroup { ranges, digest, length, stored, is_compressed })
    }

    /// Packs records that are adjacent in a stream: with `gathers`, small ones [together](groups).
    ///
    /// # Errors
    /// As [`Packer::pack`].
    pub fn pack_all(&mut self, records: &[Record<'_>], gathers: bool) -> Result<Vec<Parcel>> {
        let groups = if gathers { groups(records) } else { Vec::new() };
        let mut groups = groups.into_iter().peekable();
        let (mut parcels, mut number) = (Vec::new(), 0_usize);
        while let Some(record) = records.get(number) {
            if let Some(group) = groups.next_if(|group| group.start == number) {
                number = group.end;
                parcels.push(Parcel::Group(self.pack_group(&records[group])?));
                continue;
            }
            let packed = match record {
                Record::Data { bytes, .. } => Some(self.pack(bytes)?),
                Record::Zero { .. } | Record::Discard { .. } => None,
            };
            parcels.push(Parcel::Record(number, packed));
            number = number.saturating_add(1);
        }
        Ok(parcels)
    }

    /// Takes back packed content that has been written, to reuse its memory.
    pub fn take_back(&mut self, packed: Packed) {
        self.keep(packed.compressed);
    }

    /// Takes back a group that has been written, to reuse its memory.
    pub fn take_back_group(&mut self, group: PackedGroup) {
        self.keep(Some(group.stored));
    }

    /// Keeps only the largest buffer, so that many small contents hold no more memory than a large one.
    fn keep(&mut self, room: Option<Vec<u8>>) {
        if let Some(room) = room
            && room.capacity() > self.room.capacity()
        {
            self.room = room;
        }
    }
}

impl Packed {
    /// The stored form of `content`, from which this was made.
    pub(crate) fn stored<'a>(&'a self, content: &'a [u8]) -> Stored<'a> {
        match &self.compressed {
            Some(compressed) => Stored { bytes: compressed, is_compressed: true },
            None => Stored { bytes: content, is_compressed: false },
        }
    }

    /// A content that is stored unchanged.
    pub fn plain(bytes: &[u8]) -> Self {
        Self { digest: *blake3::hash(bytes).as_bytes(), compressed: None }
    }
}

/// Restores contents.
pub(crate) struct Unpacker {
    decompressor: zstd::bulk::Decompressor<'static>,
    content: Vec<u8>,
}

impl Unpacker {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { decompressor: zstd::bulk::Decompressor::new()?, content: Vec::new() })
    }

    /// Replaces `stored` by its content, which must be `length` bytes long. Longer content is refused,
    /// without allocating memory for it.
    pub(crate) fn unpack(
        &mut self,
        stored: &mut Vec<u8>,
        length: u64,
    ) -> std::result::Result<(), String> {
        let length = usize::try_from(length)
            .ok()
            .filter(|&length| length > 0 && length <= MAX_RECORD)
            .ok_or_else(|| {
                format!(
                    "compressed content of {length} bytes: at most {MAX_RECORD} \
                 are allowed"
                )
            })?;
        // Decompression cannot write past this buffer.
        self.content.resize(length, 0);
        match self.decompressor.decompress_to_buffer(stored, &mut self.content[..]) {
            Ok(found) if found == length => {
                std::mem::swap(stored, &mut self.content);
                Ok(())
            }
            Ok(found) => Err(format!("compressed content has {found} bytes: expected {length}")),
            Err(error) => Err(format!("compressed content of {length} bytes: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_into_used_room_is_the_same() {
        let mut packer = Packer::new(Some(3)).unwrap();
        let long = b"some text that compresses, and ".repeat(30_000);
        let noise = blake3::hash(b"noise").as_bytes().to_vec();
        for content in [&long[..], &long[..5000], &noise, &long[7..], &long[..100]] {
            let packed = packer.pack(content).unwrap();
            let fresh = Packer::new(Some(3)).unwrap().pack(content).unwrap();
            assert_eq!((packed.digest, &packed.compressed), (fresh.digest, &fresh.compressed));
            if let Some(compressed) = &packed.compressed {
                let mut stored = compressed.clone();
                let mut unpacker = Unpacker::new().unwrap();
                unpacker.unpack(&mut stored, content.len() as u64).unwrap();
                assert!(stored == content);
            }
            packer.take_back(packed);
        }
        assert!(packer.room.capacity() >= long.len());
    }
}
