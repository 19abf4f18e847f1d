//! [`Record`]: one change to a volume, and [`Records`]: whatever yields them in order.

use crate::{BaseChecksum, BaseDigest, Error, Header, Totals};

/// One change to a volume. Offsets and lengths are in bytes, multiples of [`crate::SECTOR`], and
/// lie within the target's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// The volume holds `bytes` at `offset`: at most [`crate::MAX_RECORD`] of them.
    Data {
        /// Where they begin.
        offset: u64,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// The range is mapped in the target, and reads as zeros.
    Zero {
        /// Where it begins.
        offset: u64,
        /// How long it is.
        length: u64,
    },
    /// The range is mapped in the base, and no longer in the target: it reads as zeros, and takes
    /// no space.
    Discard {
        /// Where it begins.
        offset: u64,
        /// How long it is.
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

    /// How many bytes of the volume it covers.
    pub fn length(&self) -> u64 {
        match *self {
            Self::Data { bytes, .. } => bytes.len() as u64,
            Self::Zero { length, .. } | Self::Discard { length, .. } => length,
        }
    }
}

/// A source of verified records: what a decoder of any format is to the one who applies them.
pub trait Records {
    /// The stream's header.
    fn header(&self) -> &Header;

    /// What the base must hold, in ascending order; empty at detect level 0.
    fn base_digests(&self) -> &[BaseDigest];

    /// What the base must hold besides, in any order.
    fn base_checksums(&self) -> &[BaseChecksum] {
        &[]
    }

    /// Whether records ascend and do not overlap. Where they do not, a later one covers an earlier one,
    /// and what the header announces need not be all.
    fn ascend(&self) -> bool {
        true
    }

    /// The next record, verified; `None` once the trailer has been read and found right.
    ///
    /// # Errors
    /// Where the stream is cut, damaged, or cannot be read. After an error there is nothing more.
    fn next_record(&mut self) -> Result<Option<Record<'_>>, Error>;

    /// What has been handed out so far; all of it, once there is no next record.
    fn totals(&self) -> Totals;

    /// Makes sure that all of the stream has arrived and that nothing follows it, passing over
    /// records that have not been taken.
    ///
    /// # Errors
    /// [`Error::Cut`] where the end has not been reached; [`Error::Damaged`] where the input goes
    /// on behind it.
    fn finish(&mut self) -> Result<Totals, Error>;
}
