//! [`Record`]: one change to a volume.

use crate::frame;

/// What a record does to its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordKind {
    Data,
    Zero,
    Discard,
}

impl RecordKind {
    /// The kind of the frame of a record on its own.
    pub(crate) fn frame(self) -> [u8; 4] {
        match self {
            Self::Data => frame::DATA,
            Self::Zero => frame::ZERO,
            Self::Discard => frame::DISCARD,
        }
    }
}

/// One change to a volume. Offsets and lengths are in bytes, multiples of [`crate::SECTOR`], and
/// lie within the target's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// The volume holds `bytes` at `offset`: at most [`crate::MAX_RECORD`] of them.
    Data {
        /// Where the range begins.
        offset: u64,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// The range is mapped in the target, and reads as zeros.
    Zero {
        /// Where the range begins.
        offset: u64,
        /// Its length.
        length: u64,
    },
    /// The range is mapped in the base but no longer in the target: it reads as zeros, and takes no space.
    Discard {
        /// Where the range begins.
        offset: u64,
        /// Its length.
        length: u64,
    },
}

impl Record<'_> {
    /// Where the record's range begins.
    pub fn offset(&self) -> u64 {
        match *self {
            Self::Data { offset, .. }
            | Self::Zero { offset, .. }
            | Self::Discard { offset, .. } => offset,
        }
    }

    /// The record's bytes, if it is data.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Data { bytes, .. } => bytes,
            Self::Zero { .. } | Self::Discard { .. } => &[],
        }
    }

    pub(crate) fn kind(&self) -> RecordKind {
        match self {
            Self::Data { .. } => RecordKind::Data,
            Self::Zero { .. } => RecordKind::Zero,
            Self::Discard { .. } => RecordKind::Discard,
        }
    }

    /// How many bytes of the volume it covers.
    pub fn length(&self) -> u64 {
        match *self {
            Self::Data { bytes, .. } => bytes.len() as u64,
            Self::Zero { length, .. } | Self::Discard { length, .. } => length,
        }
    }
}
