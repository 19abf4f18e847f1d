//! [`Totals`]: what a stream contains, counted by both encoder and decoder.

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

/// A stream that was written completely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The totals of its records.
    pub totals: Totals,
    /// The digest in its trailer, if the format has one: it identifies the next stream's base.
    pub digest: Option<[u8; 32]>,
    /// The root digests in its trailer.
    pub roots: Roots,
}

impl Totals {
    /// Counts one record. Records ascend within a volume of less than 2^63 bytes, so their sums stay far
    /// below the limit of a `u64`.
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

    /// The totals of two streams together.
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
