//! The structures on disk, with the kernel's field names. All integers are little-endian.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// `struct thin_disk_superblock` (drivers/md/dm-thin-metadata.c).
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct ThinDiskSuperblock {
    pub(crate) csum: U32,
    pub(crate) flags: U32,
    pub(crate) blocknr: U64,
    pub(crate) uuid: [u8; 16],
    pub(crate) magic: U64,
    pub(crate) version: U32,
    pub(crate) time: U32,
    pub(crate) trans_id: U64,
    pub(crate) held_root: U64,
    pub(crate) data_space_map_root: [u8; 128],
    pub(crate) metadata_space_map_root: [u8; 128],
    pub(crate) data_mapping_root: U64,
    pub(crate) device_details_root: U64,
    /// In sectors of 512 bytes.
    pub(crate) data_block_size: U32,
    /// In sectors of 512 bytes.
    pub(crate) metadata_block_size: U32,
    pub(crate) metadata_nr_blocks: U64,
    pub(crate) compat_flags: U32,
    pub(crate) compat_ro_flags: U32,
    pub(crate) incompat_flags: U32,
}
const _: () = assert!(size_of::<ThinDiskSuperblock>() == 364);

pub(crate) const THIN_SUPERBLOCK_MAGIC: u64 = 27_022_010;
/// `THIN_METADATA_NEEDS_CHECK_FLAG`
pub(crate) const NEEDS_CHECK: u32 = 1;

/// `struct node_header` (drivers/md/persistent-data/dm-btree-internal.h). After it come
/// `max_entries` keys of 8 bytes and `max_entries` values of `value_size` bytes.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct NodeHeader {
    pub(crate) csum: U32,
    pub(crate) flags: U32,
    pub(crate) blocknr: U64,
    pub(crate) nr_entries: U32,
    pub(crate) max_entries: U32,
    pub(crate) value_size: U32,
    pub(crate) padding: U32,
}
const _: () = assert!(size_of::<NodeHeader>() == 32);

pub(crate) const INTERNAL_NODE: u32 = 1;
pub(crate) const LEAF_NODE: u32 = 2;

/// `struct disk_device_details` (drivers/md/dm-thin-metadata.c).
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(crate) struct DiskDeviceDetails {
    pub(crate) mapped_blocks: U64,
    pub(crate) transaction_id: U64,
    pub(crate) creation_time: U32,
    pub(crate) snapshotted_time: U32,
}
const _: () = assert!(size_of::<DiskDeviceDetails>() == 24);
