//! [`Encoder`]: writes a stream.

use std::io::Write;

use zerocopy::IntoBytes;

use crate::error::Result;
use crate::frame::{self, FRAME_BYTES, Frame, Stored};
use crate::index_writer::{IndexWriter, RawEntry};
use crate::record::RecordKind;
use crate::trailer::Trailer;
use crate::{
    BaseDigest, Error, Finished, Header, Held, MAGIC, MAX_RECORD, Packed, PackedGroup, Record,
    Roots, SECTOR, Totals, base_digest, held,
};

/// Writes one stream, front to back.
///
/// It enforces what it promises its reader: ranges that ascend within the target, and no more bytes than
/// the header announced.
pub struct Encoder<W: Write> {
    output: W,
    stream_digest: blake3::Hasher,
    sequence: u64,
    /// The number of bytes written so far.
    at: u64,
    /// Where the last record ended.
    end: u64,
    totals: Totals,
    target_size: u64,
    announced: (u64, u64),
    index: IndexWriter,
    roots: Roots,
}

impl<W: Write> Encoder<W> {
    /// Writes the header and the base digests.
    ///
    /// # Errors
    /// [`Error::Invalid`] if they do not fit the format, before anything is written; [`Error::Io`] if
    /// `output` fails.
    pub fn new(output: W, header: &Header, base_digests: &[BaseDigest]) -> Result<Self> {
        Self::begin(output, header, base_digests, &[])
    }

    /// Like [`Encoder::new`], for the rest of another stream: what `held` covers has already arrived, and
    /// no record may begin before its end. The header announces only what is still to come.
    ///
    /// # Errors
    /// As [`Encoder::new`].
    pub fn rest(
        output: W,
        header: &Header,
        base_digests: &[BaseDigest],
        held: &[Held],
    ) -> Result<Self> {
        Self::begin(output, header, base_digests, held)
    }

    fn begin(
        output: W,
        header: &Header,
        base_digests: &[BaseDigest],
        held: &[Held],
    ) -> Result<Self> {
        let header_bytes = header.to_bytes()?;
        base_digest::check_count(base_digests)?;
        base_digest::validate(header, base_digests).map_err(Error::Invalid)?;
        let end = held::validate(header, held).map_err(Error::Invalid)?;
        let mut encoder = Self {
            output,
            stream_digest: blake3::Hasher::new(),
            sequence: 0,
            at: MAGIC.len() as u64,
            end,
            totals: Totals::default(),
            target_size: header.target.size,
            announced: (header.changed_bytes, header.unmapped_bytes),
            index: IndexWriter::default(),
            roots: Roots::default(),
        };
        encoder.stream_digest.update(MAGIC);
        encoder.output.write_all(MAGIC)?;
        encoder.plain_frame(frame::HEADER, &header_bytes)?;
        if header.detect_level > 0 {
            let level = header.detect_level;
            let (kind, _) = base_digest::frame_of(level);
            encoder.plain_frame(kind, &base_digest::to_bytes(level, base_digests))?;
        }
        if !held.is_empty() {
            encoder.plain_frame(frame::PART, &held::to_bytes(held))?;
        }
        Ok(encoder)
    }

    /// Writes a data record.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it does not fit the format or the order; [`Error::Io`].
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

    /// Writes small records that a [`Packer`](crate::Packer) has packed together.
    ///
    /// # Errors
    /// As [`Encoder::data`].
    pub fn group(&mut self, group: &PackedGroup) -> Result<()> {
        let begin = group.ranges.first().map_or(0, |&(_, offset, _)| offset);
        for &(kind, offset, length) in &group.ranges {
            self.count(kind, offset, length)?;
        }
        let stored = Stored { bytes: &group.stored, is_compressed: group.is_compressed };
        self.indexed_frame(frame::GROUP, (begin, group.length), stored, group.digest, begin)
    }

    fn packed(&mut self, record: Record<'_>, packed: &Packed) -> Result<()> {
        let (kind, range) = (record.kind(), (record.offset(), record.length()));
        self.count(kind, range.0, range.1)?;
        let stored = packed.stored(record.bytes());
        self.indexed_frame(kind.frame(), range, stored, packed.digest, range.0)
    }

    /// Checks a record against the rules, and counts it.
    fn count(&mut self, kind: RecordKind, offset: u64, length: u64) -> Result<()> {
        let end = check_range(kind, (offset, length), self.end, self.target_size);
        self.end = end.map_err(Error::Invalid)?;
        self.totals.add_range(kind, length);
        check_announced(&self.totals, self.announced).map_err(Error::Invalid)
    }

    /// Writes a frame of records, the first of which begins at `begin`, and adds it to the index.
    fn indexed_frame(
        &mut self,
        kind: [u8; 4],
        range: (u64, u64),
        stored: Stored<'_>,
        digest: [u8; 32],
        begin: u64,
    ) -> Result<()> {
        let entry = RawEntry {
            offset: begin.into(),
            length: self.end.saturating_sub(begin).into(),
            position: self.at.into(),
            kind,
            stored: u32::try_from(stored.bytes.len()).unwrap_or(u32::MAX).into(),
        };
        self.frame(kind, range, stored, digest)?;
        self.index.push(0, entry);
        while let Some(level) = self.index.full() {
            self.index_frame(level)?;
        }
        Ok(())
    }

    fn index_frame(&mut self, level: usize) -> Result<()> {
        let content = self.index.take(level, self.at);
        self.plain_frame(frame::INDEX, &content)
    }

    /// Sets the root digests of the base and the target, as far as they are known. They are written in the
    /// trailer.
    pub fn roots(&mut self, roots: Roots) {
        self.roots = roots;
    }

    /// The output, for whatever must be done with it between two records.
    pub fn output(&mut self) -> &mut W {
        &mut self.output
    }

    /// Writes the trailer, flushes, and returns the output.
    ///
    /// # Errors
    /// [`Error::Invalid`] if fewer bytes were unmapped than the header announced; [`Error::Io`].
    pub fn finish(mut self) -> Result<(W, Finished)> {
        if self.totals.discard_bytes != self.announced.1 {
            let (found, announced) = (self.totals.discard_bytes, self.announced.1);
            let why = format!("{found} bytes were unmapped, but the header says {announced}");
            return Err(Error::Invalid(why));
        }
        while let Some(level) = self.index.unfinished() {
            self.index_frame(level)?;
        }
        let mut trailer = Trailer::new(&self.totals, self.at, self.index.top(), &self.roots);
        let digest = trailer.digest(self.stream_digest.clone());
        trailer.stream_digest = digest;
        self.plain_frame(frame::TRAILER, trailer.as_bytes())?;
        self.output.flush()?;
        let finished = Finished { totals: self.totals, digest: Some(digest), roots: self.roots };
        Ok((self.output, finished))
    }

    fn plain_frame(&mut self, kind: [u8; 4], content: &[u8]) -> Result<()> {
        let stored = Stored { bytes: content, is_compressed: false };
        self.frame(kind, (0, 0), stored, *blake3::hash(content).as_bytes())
    }

    fn frame(
        &mut self,
        kind: [u8; 4],
        range: (u64, u64),
        stored: Stored<'_>,
        digest: [u8; 32],
    ) -> Result<()> {
        let frame = Frame::new(kind, self.sequence, range, stored, digest);
        self.sequence = self.sequence.saturating_add(1);
        self.at =
            self.at.saturating_add(FRAME_BYTES as u64).saturating_add(stored.bytes.len() as u64);
        frame.digest_into(&mut self.stream_digest, stored.bytes);
        self.output.write_all(frame.as_bytes())?;
        Ok(self.output.write_all(stored.bytes)?)
    }
}

/// The rule for a record's range, for both encoder and decoder; returns the range's end.
pub(crate) fn check_range(
    kind: RecordKind,
    (offset, length): (u64, u64),
    previous_end: u64,
    target_size: u64,
) -> std::result::Result<u64, String> {
    if offset < previous_end {
        return Err(format!(
            "a record at offset {offset} after one that ends at {previous_end}: out of order"
        ));
    }
    let whole = offset.is_multiple_of(SECTOR) && length.is_multiple_of(SECTOR) && length > 0;
    let fits = kind != RecordKind::Data || length <= MAX_RECORD as u64;
    match offset.checked_add(length) {
        Some(end) if whole && fits && end <= target_size => Ok(end),
        _ => Err(format!(
            "a record of {length} bytes at offset {offset}: expected multiples of {SECTOR} within \
             the volume ({target_size} bytes), and at most {MAX_RECORD} bytes of data"
        )),
    }
}

/// The rule for what the header announced, for both encoder and decoder: records cover no more than that.
/// By the end exactly as much must be unmapped, but less may have changed if the stream has only parts of
/// chunks.
pub(crate) fn check_announced(
    totals: &Totals,
    (changed_bytes, unmapped_bytes): (u64, u64),
) -> std::result::Result<(), String> {
    let changed = totals.data_bytes.saturating_add(totals.zero_bytes);
    if changed > changed_bytes || totals.discard_bytes > unmapped_bytes {
        return Err(format!(
            "{changed} bytes changed and {} unmapped, but the header announced {changed_bytes} \
             and {unmapped_bytes}",
            totals.discard_bytes
        ));
    }
    Ok(())
}
