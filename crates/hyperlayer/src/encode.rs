//! [`Encoder`]: writes a stream.

use std::io::Write;

use zerocopy::IntoBytes;

use crate::error::Result;
use crate::frame::{self, Frame};
use crate::totals::Trailer;
use crate::{
    BaseDigest, Error, Finished, Header, MAGIC, MAX_RECORD, Packed, Record, SECTOR, Totals,
    base_digest,
};

/// Writes one stream, front to back.
///
/// It holds its caller to what it promises its reader: ranges that ascend within the target, and
/// no more bytes than the header announced.
pub struct Encoder<W: Write> {
    output: W,
    stream_digest: blake3::Hasher,
    sequence: u64,
    /// Where the last record ended.
    end: u64,
    totals: Totals,
    target_size: u64,
    announced: (u64, u64),
}

impl<W: Write> Encoder<W> {
    /// Writes the header and the base digests.
    ///
    /// # Errors
    /// [`Error::Invalid`] where they do not fit the format, before anything is written;
    /// [`Error::Io`] where `output` fails.
    pub fn new(output: W, header: &Header, base_digests: &[BaseDigest]) -> Result<Self> {
        let header_bytes = header.to_bytes()?;
        base_digest::check_count(base_digests)?;
        base_digest::validate(header, base_digests).map_err(Error::Invalid)?;
        let mut encoder = Self {
            output,
            stream_digest: blake3::Hasher::new(),
            sequence: 0,
            end: 0,
            totals: Totals::default(),
            target_size: header.target.size,
            announced: (header.changed_bytes, header.unmapped_bytes),
        };
        encoder.stream_digest.update(MAGIC);
        encoder.output.write_all(MAGIC)?;
        encoder.plain_frame(frame::HEADER, &header_bytes)?;
        if header.detect_level > 0 {
            let level = header.detect_level;
            let (kind, _) = base_digest::frame_of(level);
            encoder.plain_frame(kind, &base_digest::to_bytes(level, base_digests))?;
        }
        Ok(encoder)
    }

    /// Writes a data record.
    ///
    /// # Errors
    /// [`Error::Invalid`] where it does not fit the format or the order; [`Error::Io`].
    pub fn data(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.record(Record::Data { offset, bytes })
    }

    /// Writes a zero record.
    ///
    /// # Errors
    /// As [`Encoder::data`].
    pub fn zero(&mut self, offset: u64, length: u64) -> Result<()> {
        self.record(Record::Zero { offset, length })
    }

    /// Writes a discard record.
    ///
    /// # Errors
    /// As [`Encoder::data`].
    pub fn discard(&mut self, offset: u64, length: u64) -> Result<()> {
        self.record(Record::Discard { offset, length })
    }

    /// Writes any record.
    ///
    /// # Errors
    /// As [`Encoder::data`].
    pub fn record(&mut self, record: Record<'_>) -> Result<()> {
        let packed = match record {
            Record::Data { bytes, .. } => Packed::plain(bytes),
            Record::Zero { .. } | Record::Discard { .. } => Packed::plain(&[]),
        };
        self.packed(record, &packed)
    }

    /// Writes a data record whose content a [`Packer`](crate::Packer) has packed.
    ///
    /// # Errors
    /// As [`Encoder::data`].
    pub fn packed_data(&mut self, offset: u64, bytes: &[u8], packed: &Packed) -> Result<()> {
        self.packed(Record::Data { offset, bytes }, packed)
    }

    fn packed(&mut self, record: Record<'_>, packed: &Packed) -> Result<()> {
        let (kind, content) = match record {
            Record::Data { bytes, .. } => (frame::DATA, bytes),
            Record::Zero { .. } => (frame::ZERO, &[][..]),
            Record::Discard { .. } => (frame::DISCARD, &[][..]),
        };
        self.end = check_range(&record, self.end, self.target_size).map_err(Error::Invalid)?;
        self.totals.add(&record);
        check_announced(&self.totals, self.announced).map_err(Error::Invalid)?;
        self.frame(kind, (record.offset(), record.length()), content, packed)
    }

    /// The output, for what must be done with it between two records.
    pub fn output(&mut self) -> &mut W {
        &mut self.output
    }

    /// Writes the trailer, flushes, and gives the output back.
    ///
    /// # Errors
    /// [`Error::Invalid`] where fewer bytes were unmapped than the header announced; [`Error::Io`].
    pub fn finish(mut self) -> Result<(W, Finished)> {
        if self.totals.discard_bytes != self.announced.1 {
            let (found, announced) = (self.totals.discard_bytes, self.announced.1);
            let why = format!("{found} bytes were unmapped, where the header says {announced}");
            return Err(Error::Invalid(why));
        }
        let digest = *self.stream_digest.finalize().as_bytes();
        let trailer = Trailer::new(&self.totals, digest);
        self.plain_frame(frame::TRAILER, trailer.as_bytes())?;
        self.output.flush()?;
        Ok((self.output, Finished { totals: self.totals, digest: Some(digest) }))
    }

    fn plain_frame(&mut self, kind: [u8; 4], content: &[u8]) -> Result<()> {
        self.frame(kind, (0, 0), content, &Packed::plain(content))
    }

    fn frame(
        &mut self,
        kind: [u8; 4],
        range: (u64, u64),
        content: &[u8],
        packed: &Packed,
    ) -> Result<()> {
        let (frame, stored) = Frame::new(kind, self.sequence, range, content, packed);
        self.sequence = self.sequence.saturating_add(1);
        frame.digest_into(&mut self.stream_digest, stored);
        self.output.write_all(frame.as_bytes())?;
        Ok(self.output.write_all(stored)?)
    }
}

/// Both sides' rule for a record's range; yields where it ends.
pub(crate) fn check_range(
    record: &Record<'_>,
    previous_end: u64,
    target_size: u64,
) -> std::result::Result<u64, String> {
    let (offset, length) = (record.offset(), record.length());
    if offset < previous_end {
        return Err(format!(
            "a record at offset {offset} after one that ends at {previous_end}: out of order"
        ));
    }
    let whole = offset.is_multiple_of(SECTOR) && length.is_multiple_of(SECTOR) && length > 0;
    let fits = match record {
        Record::Data { .. } => length <= MAX_RECORD as u64,
        Record::Zero { .. } | Record::Discard { .. } => true,
    };
    match offset.checked_add(length) {
        Some(end) if whole && fits && end <= target_size => Ok(end),
        _ => Err(format!(
            "a record of {length} bytes at offset {offset}: expected multiples of {SECTOR} within \
             the volume ({target_size} bytes), and at most {MAX_RECORD} bytes of data"
        )),
    }
}

/// Both sides' rule for what the header announced: no more than that is covered. In the end as much
/// has been unmapped, but less may have changed, where only parts of chunks are in the stream.
pub(crate) fn check_announced(
    totals: &Totals,
    (changed_bytes, unmapped_bytes): (u64, u64),
) -> std::result::Result<(), String> {
    let changed = totals.data_bytes.saturating_add(totals.zero_bytes);
    if changed > changed_bytes || totals.discard_bytes > unmapped_bytes {
        return Err(format!(
            "{changed} bytes changed and {} unmapped, where the header announced {changed_bytes} \
             and {unmapped_bytes}",
            totals.discard_bytes
        ));
    }
    Ok(())
}
