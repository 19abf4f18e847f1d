//! Sizes and places of chunks, each a type of its own.

use std::fmt;

const SECTOR: u64 = 512;

/// The most that a chunk can have: the kernel keeps its bytes in 31 bits.
const MAX_SECTORS: u32 = 1 << 21;

/// A snapshot's chunk size: a power of two, from 512 bytes to 1 GiB. LVM makes 4 KiB to 512 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkSize {
    sectors: u32,
}

impl ChunkSize {
    /// The size of this many sectors of 512 bytes; `None` where the kernel takes no such size.
    pub fn from_sectors(sectors: u32) -> Option<Self> {
        (sectors.is_power_of_two() && sectors <= MAX_SECTORS).then_some(Self { sectors })
    }

    /// In bytes.
    pub fn bytes(self) -> u64 {
        u64::from(self.sectors).saturating_mul(SECTOR)
    }
}

/// A place in the origin and in the snapshot, counted in chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OriginChunk(u64);

/// A place in the COW device, counted in chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoreChunk(u64);

impl StoreChunk {
    /// Where the header is.
    pub(crate) const HEADER: Self = Self(0);

    /// The offset in the device, in bytes; `None` where that needs more than 64 bits.
    pub(crate) fn offset(self, chunk_size: ChunkSize) -> Option<u64> {
        self.0.checked_mul(chunk_size.bytes())
    }
}

macro_rules! unit {
    ($($unit:ident)*) => {$(
        impl $unit {
            /// The chunk of that number, wherever it lies.
            pub const fn new(chunk: u64) -> Self {
                Self(chunk)
            }

            /// The number.
            pub fn get(self) -> u64 {
                self.0
            }
        }

        impl fmt::Display for $unit {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}
unit!(OriginChunk StoreChunk);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_size_is_a_power_of_two_that_the_kernel_takes() {
        for (sectors, bytes) in [(1, 512), (8, 4096), (1024, 512 << 10), (1 << 21, 1 << 30)] {
            assert_eq!(ChunkSize::from_sectors(sectors).unwrap().bytes(), bytes);
        }
        for sectors in [0, 3, 12, 1 << 22, u32::MAX] {
            assert_eq!(ChunkSize::from_sectors(sectors), None, "{sectors}");
        }
    }

    #[test]
    fn an_offset_never_wraps() {
        let size = ChunkSize::from_sectors(8).unwrap();
        assert_eq!(StoreChunk(3).offset(size), Some(3 << 12));
        assert_eq!(StoreChunk(1 << 52).offset(size), None);
    }
}
