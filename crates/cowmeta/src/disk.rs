//! The structures on disk, with the kernel's field names. All integers are little-endian.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// `struct disk_header` (drivers/md/dm-snap-persistent.c), at the beginning of chunk 0.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct DiskHeader {
    pub(crate) magic: U32,
    pub(crate) valid: U32,
    pub(crate) version: U32,
    /// In sectors of 512 bytes.
    pub(crate) chunk_size: U32,
}
const _: () = assert!(size_of::<DiskHeader>() == 16);

/// `SNAP_MAGIC`
pub(crate) const SNAP_MAGIC: u32 = 0x7041_6e53;
/// `SNAPSHOT_DISK_VERSION`
pub(crate) const SNAPSHOT_DISK_VERSION: u32 = 1;

/// `struct disk_exception` (drivers/md/dm-snap-persistent.c). The areas are full of them.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct DiskException {
    /// The chunk of the origin that is kept.
    pub(crate) old_chunk: U64,
    /// Where it is kept in the COW device; 0, the header's place, ends the list.
    pub(crate) new_chunk: U64,
}
const _: () = assert!(size_of::<DiskException>() == 16);
