//! [`PackedGroup`]: small records that are adjacent in the stream, and are compressed together.

use std::ops::Range;

use zerocopy::byteorder::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::Result;
use crate::frame::{self, DATA, DISCARD, ZERO};
use crate::record::RecordKind;
use crate::{Error, MAX_RECORD, Record};

/// What precedes the entries.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Head {
    count: U32,
    reserved: U32,
}

/// One record's entry in the table, 56 bytes.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Entry {
    kind: [u8; 4],
    reserved: U32,
    offset: U64,
    length: U64,
    /// BLAKE3 of the record's content.
    digest: [u8; 32],
}
const _: () = assert!(size_of::<Head>() == 8 && size_of::<Entry>() == 56);

/// How many bytes the table of this many records takes in a group's content.
fn table_bytes(records: usize) -> usize {
    size_of::<Entry>().saturating_mul(records).saturating_add(size_of::<Head>())
}

/// The records of a group, packed by a [`Packer`](crate::Packer).
pub struct PackedGroup {
    /// The kind, offset and length of each record.
    pub(crate) ranges: Vec<(RecordKind, u64, u64)>,
    /// BLAKE3 of the table.
    pub(crate) digest: [u8; 32],
    /// The length of the content, in bytes.
    pub(crate) length: u64,
    /// Its stored form.
    pub(crate) stored: Vec<u8>,
    pub(crate) is_compressed: bool,
}

impl PackedGroup {
    /// Whether a group has room for this many records with this many bytes of data in total.
    pub fn has_room_for(records: usize, bytes: usize) -> bool {
        table_bytes(records).saturating_add(bytes) <= MAX_RECORD
    }
}

/// A data record of this length or more gains nothing from a group.
const SMALL: u64 = 128 << 10;

/// Which of these records, adjacent in a stream, are worth packing together: ranges of their numbers, in
/// ascending order, each with at least two data records. Records without data at either end of a group stay
/// outside, because they may be joined with others.
///
/// ```
/// use hyperlayer::{Record, groups};
///
/// let small = |offset| Record::Data { offset, bytes: &[1; 4096] };
/// let zero = |offset| Record::Zero { offset, length: 4096 };
/// let records = [zero(0), small(8192), zero(16384), small(24576), zero(32768)];
/// assert_eq!(groups(&records), [1..4]);
/// assert_eq!(groups(&records[..3]), []);
/// ```
pub fn groups(records: &[Record<'_>]) -> Vec<Range<usize>> {
    let mut groups = Vec::new();
    // The records from the first data record up to and including the last one, and how many of them are
    // data.
    let (mut open, mut data, mut bytes) = (0..0, 0_u32, 0_usize);
    for (number, record) in records.iter().enumerate() {
        let next = number.saturating_add(1);
        if record.kind() != RecordKind::Data {
            continue;
        }
        let length = record.bytes().len();
        let count = next.saturating_sub(open.start);
        let fits = record.length() < SMALL
            && data > 0
            && PackedGroup::has_room_for(count, bytes.saturating_add(length));
        if fits {
            (open.end, bytes, data) = (next, bytes.saturating_add(length), data.saturating_add(1));
            continue;
        }
        if data > 1 {
            groups.push(open.clone());
        }
        data = u32::from(record.length() < SMALL);
        (open, bytes) = (number..next, length);
    }
    if data > 1 {
        groups.push(open);
    }
    groups
}

/// Writes a group's content for these records; returns the length of the table in it.
pub(crate) fn to_bytes(records: &[Record<'_>], content: &mut Vec<u8>) -> Result<usize> {
    let bytes = |record: &Record<'_>| match *record {
        Record::Data { bytes, .. } => bytes.len(),
        Record::Zero { .. } | Record::Discard { .. } => 0,
    };
    let sum = records.iter().map(bytes).fold(0, usize::saturating_add);
    let count = u32::try_from(records.len()).unwrap_or(u32::MAX);
    if records.is_empty() || !PackedGroup::has_room_for(records.len(), sum) {
        return Err(Error::Invalid(format!("a group of {count} records with {sum} bytes of data")));
    }
    content.clear();
    content.extend(Head { count: count.into(), reserved: 0.into() }.as_bytes());
    for record in records {
        let entry = Entry {
            kind: record.kind().frame(),
            reserved: 0.into(),
            offset: record.offset().into(),
            length: record.length().into(),
            digest: *blake3::hash(record.bytes()).as_bytes(),
        };
        content.extend(entry.as_bytes());
    }
    records.iter().for_each(|record| content.extend(record.bytes()));
    Ok(table_bytes(records.len()))
}

/// The record of an entry; `place` is where its bytes begin, and is advanced past them.
fn record<'a>(entry: &Entry, bytes: &'a [u8], place: &mut usize) -> Option<Record<'a>> {
    let (offset, length) = (entry.offset.get(), entry.length.get());
    match entry.kind {
        frame::DATA => {
            let end = place.checked_add(usize::try_from(length).ok()?)?;
            let bytes = bytes.get(*place..end)?;
            *place = end;
            Some(Record::Data { offset, bytes })
        }
        frame::ZERO => Some(Record::Zero { offset, length }),
        frame::DISCARD => Some(Record::Discard { offset, length }),
        _ => None,
    }
}

/// How many of a group's records have been handed out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor {
    next: usize,
    count: usize,
    /// Where the next record's bytes begin in the content.
    place: usize,
}

impl Cursor {
    /// Checks a group's table against its frame's digest and offset, and against the content's length.
    pub(crate) fn new(
        content: &[u8],
        digest: &[u8; 32],
        offset: u64,
    ) -> std::result::Result<Self, String> {
        let short = || format!("a group of {} bytes, too small for its table", content.len());
        let (head, _) = Head::ref_from_prefix(content).map_err(|_| short())?;
        let count = usize::try_from(head.count.get()).map_err(|_| short())?;
        let table = content.get(..table_bytes(count)).ok_or_else(short)?;
        if blake3::hash(table) != *digest {
            return Err("the table of a group does not match its BLAKE3".into());
        }
        let entries = entries(content, count).ok_or_else(short)?;
        let first = entries.first().ok_or("a group without records")?;
        let is_known = |entry: &Entry| {
            [DATA, ZERO, DISCARD].contains(&entry.kind) && entry.reserved.get() == 0
        };
        if head.reserved.get() != 0 || !entries.iter().all(is_known) {
            return Err("a group with an invalid table".into());
        }
        if first.offset.get() != offset {
            return Err(format!(
                "a group that begins at offset {}, but its frame says {offset}",
                first.offset
            ));
        }
        let data = entries.iter().filter(|entry| entry.kind == DATA);
        let bytes = data.fold(0_u64, |sum, entry| sum.saturating_add(entry.length.get()));
        let expected = content.len().saturating_sub(table.len());
        if bytes != expected as u64 {
            return Err(format!(
                "a group with {expected} bytes of data, but its table says {bytes}"
            ));
        }
        Ok(Self { next: 0, count, place: table.len() })
    }

    /// The end, in the content, of the bytes of the record handed out last.
    pub(crate) fn place(&self) -> usize {
        self.place
    }

    /// The next record, verified; none after the last one.
    pub(crate) fn next<'a>(
        &mut self,
        content: &'a [u8],
    ) -> std::result::Result<Option<Record<'a>>, String> {
        let Some(entry) = entries(content, self.count).and_then(|entries| entries.get(self.next))
        else {
            return Ok(None);
        };
        let record =
            record(entry, content, &mut self.place).ok_or("a record outside of its group")?;
        if blake3::hash(record.bytes()) != entry.digest {
            return Err("a record of a group does not match its BLAKE3".into());
        }
        self.next = self.next.saturating_add(1);
        Ok(Some(record))
    }
}

fn entries(content: &[u8], count: usize) -> Option<&[Entry]> {
    let table = content.get(size_of::<Head>()..table_bytes(count))?;
    <[Entry]>::ref_from_bytes(table).ok()
}
