//! Reads streams to their end, of any format, and holds every record against what is promised.

use std::io::{self, Read};

use foreign::{Missing, Unfinished};
use hyperlayer::{Error, MAX_RECORD, Record, Records, SECTOR, Totals, Volume};

/// The first of three bits that say what the reader knows; what remains is the target's own.
const KNOWN: u8 = 16;

/// What a record was: its kind and its range, and its bytes' BLAKE3.
type Seen = (char, u64, u64, Option<blake3::Hash>);

/// Reads a stream to its end, whole and in small pieces, which must come to the same.
pub(crate) fn run(stream: &[u8], mode: u8) {
    let missing = missing(mode);
    let whole = read(stream, &missing);
    let pieces = read(Pieces(stream), &missing);
    match (&whole, &pieces) {
        (Ok(whole), Ok(pieces)) => assert!(whole == pieces, "small pieces are read otherwise"),
        (Err(whole), Err(pieces)) => assert_eq!(whole.to_string(), pieces.to_string()),
        _ => panic!("whole {:?}, in small pieces {:?}", whole.err(), pieces.err()),
    }
    // One stream alone, to its end and nothing behind it.
    if let Ok(begun) = Unfinished::begin(stream)
        && let Ok(mut decoder) = begun.complete(&missing)
        && let Ok(totals) = decoder.finish()
    {
        assert_eq!(totals, decoder.totals());
        assert!(matches!(decoder.next_record(), Ok(None)), "a record after the last");
        assert!(whole.is_ok(), "it is whole, but {:?}", whole.err());
    }
}

fn missing(mode: u8) -> Missing {
    let known = |bit: u8| mode & (KNOWN << bit) != 0;
    let size = known(0).then_some(1 << 20);
    let volume = |size| Volume { name: "vol0".into(), uuid: "u-0".into(), size };
    Missing {
        name: known(1).then(|| "new".into()),
        base: known(2).then(|| volume(64 << 20)),
        size,
        chunk_size: known(1).then_some(65536),
    }
}

fn read(input: impl Read, missing: &Missing) -> Result<Vec<Seen>, Error> {
    let mut next = Some(Unfinished::begin(input)?);
    let mut seen = Vec::new();
    while let Some(begun) = next {
        let mut decoder = begun.complete(missing)?;
        let mut check = Check::new(&decoder);
        for check in decoder.base_checksums() {
            assert!(check.offset.checked_add(check.length).is_some(), "{check:?}");
        }
        loop {
            match decoder.next_record() {
                Ok(Some(record)) => seen.push(check.record(&record)),
                Ok(None) => break,
                Err(error) => {
                    assert!(decoder.next_record().is_err(), "a record after {error}");
                    return Err(error);
                }
            }
        }
        assert_eq!(decoder.totals(), check.totals);
        next = decoder.next_stream()?;
    }
    Ok(seen)
}

/// What is promised of a stream's records.
pub(crate) struct Check {
    size: u64,
    ascend: bool,
    end: u64,
    pub(crate) totals: Totals,
}

impl Check {
    pub(crate) fn new(records: &impl Records) -> Self {
        let size = records.header().target.size;
        Self { size, ascend: records.ascend(), end: 0, totals: Totals::default() }
    }

    /// Holds a record against it.
    pub(crate) fn record(&mut self, record: &Record<'_>) -> Seen {
        let (offset, length) = (record.offset(), record.length());
        assert!(offset.is_multiple_of(SECTOR) && length.is_multiple_of(SECTOR) && length > 0);
        let end = offset.checked_add(length).expect("a range ends below 2^64");
        assert!(end <= self.size, "{offset}+{length} in a volume of {} bytes", self.size);
        assert!(!self.ascend || offset >= self.end, "{offset} after {}", self.end);
        self.end = end;
        let totals = &mut self.totals;
        let (kind, hash, records, bytes) = match record {
            Record::Data { bytes, .. } => {
                assert!(bytes.len() <= MAX_RECORD);
                let hash = Some(blake3::hash(bytes));
                ('d', hash, &mut totals.data_records, &mut totals.data_bytes)
            }
            Record::Zero { .. } => ('z', None, &mut totals.zero_records, &mut totals.zero_bytes),
            Record::Discard { .. } => {
                ('u', None, &mut totals.discard_records, &mut totals.discard_bytes)
            }
        };
        *records += 1;
        // Ranges may come again and again where they need not ascend.
        *bytes = bytes.saturating_add(length);
        (kind, offset, length, hash)
    }
}

/// Hands out one to seven bytes at a time.
struct Pieces<'a>(&'a [u8]);

impl Read for Pieces<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let length = buf.len().min(self.0.len()).min(1 + self.0.len() % 7);
        let (piece, rest) = self.0.split_at(length);
        buf[..length].copy_from_slice(piece);
        self.0 = rest;
        Ok(length)
    }
}
