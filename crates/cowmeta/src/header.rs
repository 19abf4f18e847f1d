//! The header: whether there is a store, and the size of its chunks.

use zerocopy::FromBytes;

use crate::disk::{DiskHeader, SNAP_MAGIC, SNAPSHOT_DISK_VERSION};
use crate::{ChunkSize, Error, Result, StoreChunk};

/// Verifies the header at the beginning of `bytes`; yields the chunk size.
pub(crate) fn from_bytes(bytes: &[u8]) -> Result<ChunkSize> {
    let corrupt = |reason: String| Err(Error::corrupt(StoreChunk::HEADER, reason));
    let Ok((disk, _)) = DiskHeader::ref_from_prefix(bytes) else {
        return corrupt(format!("{} bytes are not a header", bytes.len()));
    };
    if disk.magic.get() != SNAP_MAGIC {
        return corrupt("it is not the header of an exception store".into());
    }
    if disk.version.get() != SNAPSHOT_DISK_VERSION {
        return Err(Error::Unsupported { what: format!("version {}", disk.version) });
    }
    if disk.valid.get() == 0 {
        return Err(Error::Invalid);
    }
    match ChunkSize::from_sectors(disk.chunk_size.get()) {
        Some(size) => Ok(size),
        None => corrupt(format!("a chunk size of {} sectors is invalid", disk.chunk_size)),
    }
}
