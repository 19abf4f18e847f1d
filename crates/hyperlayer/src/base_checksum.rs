//! [`BaseChecksum`]: how other tools prove a base.

/// The CRC-32 (IEEE) of a range of the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaseChecksum {
    /// Where the range begins, in bytes.
    pub offset: u64,
    /// Its length, in bytes.
    pub length: u64,
    /// CRC-32 of the volume's content in this range.
    pub crc32: u32,
}
