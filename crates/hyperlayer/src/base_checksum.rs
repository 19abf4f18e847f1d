//! [`BaseChecksum`]: what other tools prove a base by.

/// The CRC-32 (IEEE) of a range of the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaseChecksum {
    /// Where the range begins, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub length: u64,
    /// CRC-32 of what the volume reads as there.
    pub crc32: u32,
}
