//! The checksum of a metadata block (drivers/md/persistent-data/dm-block-manager.c).

use crate::block::Page;

/// What a block holds, which decides the salt of its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Salt {
    Superblock = 160_774,
    Node = 121_107,
    #[cfg(any(test, feature = "testing"))]
    SpaceMapIndex = 160_478,
    #[cfg(any(test, feature = "testing"))]
    Bitmap = 240_779,
}

/// The checksum that belongs into the first four bytes of `page`: the kernel's crc32c, which is not
/// inverted at its end, over all bytes after those four, mixed with the salt.
pub(crate) fn checksum(page: &Page, salt: Salt) -> u32 {
    let (_, covered) = page.bytes().split_at(4);
    !crc32c::crc32c(covered) ^ salt as u32
}
