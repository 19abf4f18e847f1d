//! [`Totals`]: what a stream held, counted on both sides.

use zerocopy::byteorder::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::Record;

/// How many records of each kind a stream has, and how many bytes of the volume they cover.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Data records.
    pub data_records: u64,
    /// Bytes in them.
    pub data_bytes: u64,
    /// Zero records.
    pub zero_records: u64,
    /// Bytes that they cover.
    pub zero_bytes: u64,
    /// Discard records.
    pub discard_records: u64,
    /// Bytes that they cover.
    pub discard_bytes: u64,
}

/// A stream that was written to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// What its records hold.
    pub totals: Totals,
    /// The digest that its trailer holds, where the format has one: what the next stream's base is
    /// known by.
    pub digest: Option<[u8; 32]>,
}

impl Totals {
    /// Counts one record. Records ascend within a volume of less than 2^63 bytes, so no sum of
    /// theirs comes near the end of a `u64`.
    pub fn add(&mut self, record: &Record<'_>) {
        let (records, bytes) = match record {
            Record::Data { .. } => (&mut self.data_records, &mut self.data_bytes),
            Record::Zero { .. } => (&mut self.zero_records, &mut self.zero_bytes),
            Record::Discard { .. } => (&mut self.discard_records, &mut self.discard_bytes),
        };
        *records = records.saturating_add(1);
        *bytes = bytes.saturating_add(record.length());
    }

    /// What two streams hold together.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            data_records: self.data_records.saturating_add(other.data_records),
            data_bytes: self.data_bytes.saturating_add(other.data_bytes),
            zero_records: self.zero_records.saturating_add(other.zero_records),
            zero_bytes: self.zero_bytes.saturating_add(other.zero_bytes),
            discard_records: self.discard_records.saturating_add(other.discard_records),
            discard_bytes: self.discard_bytes.saturating_add(other.discard_bytes),
        }
    }
}

/// A trailer's content, 80 bytes.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Trailer {
    data_records: U64,
    data_bytes: U64,
    zero_records: U64,
    zero_bytes: U64,
    discard_records: U64,
    discard_bytes: U64,
    /// BLAKE3 of the stream before the trailer's frame, in which contents that are stored as they
    /// are count by their own digests.
    pub(crate) stream_digest: [u8; 32],
}
const _: () = assert!(size_of::<Trailer>() == 80);

impl Trailer {
    pub(crate) fn new(totals: &Totals, stream_digest: [u8; 32]) -> Self {
        Self {
            data_records: totals.data_records.into(),
            data_bytes: totals.data_bytes.into(),
            zero_records: totals.zero_records.into(),
            zero_bytes: totals.zero_bytes.into(),
            discard_records: totals.discard_records.into(),
            discard_bytes: totals.discard_bytes.into(),
            stream_digest,
        }
    }

    pub(crate) fn totals(&self) -> Totals {
        Totals {
            data_records: self.data_records.get(),
            data_bytes: self.data_bytes.get(),
            zero_records: self.zero_records.get(),
            zero_bytes: self.zero_bytes.get(),
            discard_records: self.discard_records.get(),
            discard_bytes: self.discard_bytes.get(),
        }
    }
}
