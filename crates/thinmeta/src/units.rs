//! Numbers of blocks and devices, each a type of its own.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

/// A thin device's number within its pool: 24 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThinId(u32);

impl ThinId {
    /// The highest id that there can be.
    pub const MAX: Self = Self(0xff_ffff);

    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }
}

/// A number that is no thin id: it needs more than 24 bits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a thin id: the highest is 16777215")]
pub struct OutOfRange(pub u64);

impl TryFrom<u64> for ThinId {
    type Error = OutOfRange;
    fn try_from(id: u64) -> Result<Self, OutOfRange> {
        match u32::try_from(id) {
            Ok(id) if id <= Self::MAX.0 => Ok(Self(id)),
            _ => Err(OutOfRange(id)),
        }
    }
}

/// Why a text is no thin id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseThinIdError {
    /// It is not a decimal number.
    #[error("not a thin id")]
    Number(#[from] ParseIntError),
    /// It is too large.
    #[error(transparent)]
    Range(#[from] OutOfRange),
}

impl FromStr for ThinId {
    type Err = ParseThinIdError;
    fn from_str(text: &str) -> Result<Self, ParseThinIdError> {
        Ok(text.parse::<u64>()?.try_into()?)
    }
}

impl From<ThinId> for u64 {
    fn from(id: ThinId) -> Self {
        id.0.into()
    }
}

/// The place of a block in the metadata device, counted in blocks of 4096 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetaBlock(u64);

impl MetaBlock {
    /// A metadata block's size in bytes.
    pub const SIZE: u64 = 4096;
    /// Where the superblock is.
    pub(crate) const SUPERBLOCK: Self = Self(0);

    /// The block of that number, wherever it lies.
    pub const fn new(block: u64) -> Self {
        Self(block)
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }

    /// The block's offset in the device, in bytes; None where that needs more than 64 bits.
    pub(crate) fn offset(self) -> Option<u64> {
        self.0.checked_mul(Self::SIZE)
    }
}

/// The place of a data block in the pool's data device, counted in the pool's data blocks: 40 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataBlock(u64);

impl DataBlock {
    /// Takes the block from a mapping: `(data block << 24) | time`. The time of the mapping tells
    /// the kernel what is shared and says nothing about content.
    pub(crate) const fn from_mapping(value: u64) -> Self {
        Self(value >> 24)
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }
}

/// A place in a thin device, counted in the pool's data blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThinBlock(u64);

impl ThinBlock {
    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl From<u64> for ThinBlock {
    fn from(block: u64) -> Self {
        Self(block)
    }
}

macro_rules! display {
    ($($unit:ident)*) => {$(
        impl fmt::Display for $unit {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}
display!(ThinId MetaBlock DataBlock ThinBlock);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thin_id_has_24_bits() {
        assert_eq!(ThinId::try_from(0xff_ffff), Ok(ThinId::MAX));
        assert_eq!(ThinId::try_from(0x100_0000), Err(OutOfRange(0x100_0000)));
        assert_eq!(ThinId::try_from(1 << 32), Err(OutOfRange(1 << 32)));
        assert_eq!("7".parse(), Ok(ThinId(7)));
        assert!("-1".parse::<ThinId>().is_err());
        assert!("16777216".parse::<ThinId>().is_err());
    }

    #[test]
    fn a_mapping_is_a_data_block_of_40_bits_and_a_time() {
        assert_eq!(DataBlock::from_mapping(u64::MAX), DataBlock((1 << 40) - 1));
        assert_eq!(DataBlock::from_mapping((5 << 24) | 0xff_ffff), DataBlock(5));
    }

    #[test]
    fn an_offset_never_wraps() {
        assert_eq!(MetaBlock(3).offset(), Some(3 << 12));
        assert_eq!(MetaBlock(1 << 52).offset(), None);
    }
}
