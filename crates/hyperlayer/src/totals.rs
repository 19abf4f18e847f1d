//! [`Totals`]: what a stream held, counted on both sides.

use crate::record::RecordKind;
use crate::{Record, Roots};

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
    /// The root digests that its trailer holds.
    pub roots: Roots,
}

impl Totals {
    /// Counts one record. Records ascend within a volume of less than 2^63 bytes, so no sum of
    /// theirs comes near the end of a `u64`.
    pub fn add(&mut self, record: &Record<'_>) {
        self.add_range(record.kind(), record.length());
    }

    pub(crate) fn add_range(&mut self, kind: RecordKind, length: u64) {
        let (records, bytes) = match kind {
            RecordKind::Data => (&mut self.data_records, &mut self.data_bytes),
            RecordKind::Zero => (&mut self.zero_records, &mut self.zero_bytes),
            RecordKind::Discard => (&mut self.discard_records, &mut self.discard_bytes),
        };
        *records = records.saturating_add(1);
        *bytes = bytes.saturating_add(length);
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
