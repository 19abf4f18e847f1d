//! [`Held`]: what the target already holds if a stream is the rest of another one.

use zerocopy::byteorder::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::{Header, MAX_RECORD};

/// A range in which the volume that the stream is applied to already has the target's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Where the range begins, in bytes.
    pub offset: u64,
    /// Its length, in bytes.
    pub length: u64,
    /// BLAKE3 of the target's content in this range.
    pub digest: [u8; 32],
}

/// One entry of the part frame's content, 48 bytes.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Entry {
    offset: U64,
    length: U64,
    digest: [u8; 32],
}
const _: () = assert!(size_of::<Entry>() == 48);

impl Held {
    /// The most ranges that fit into a stream.
    pub const MOST: usize = MAX_RECORD / size_of::<Entry>();
}

pub(crate) fn to_bytes(held: &[Held]) -> Vec<u8> {
    let entry = |held: &Held| Entry {
        offset: held.offset.into(),
        length: held.length.into(),
        digest: held.digest,
    };
    held.iter().flat_map(|held| entry(held).as_bytes().to_vec()).collect()
}

pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Vec<Held>, String> {
    let entries = <[Entry]>::ref_from_bytes(bytes)
        .map_err(|_| format!("ranges take 48 bytes each, found {} bytes", bytes.len()))?;
    let held = |entry: &Entry| Held {
        offset: entry.offset.get(),
        length: entry.length.get(),
        digest: entry.digest,
    };
    Ok(entries.iter().map(held).collect())
}

/// The rule for both encoder and decoder; returns the end of the last range. No record may begin before
/// that.
pub(crate) fn validate(header: &Header, held: &[Held]) -> Result<u64, String> {
    let expected = if header.rest { 1..=Held::MOST } else { 0..=0 };
    if !expected.contains(&held.len()) {
        return Err(format!(
            "{} ranges that have already arrived: expected {} to {}",
            held.len(),
            expected.start(),
            expected.end()
        ));
    }
    let mut end = 0;
    for range in held {
        let next = range.offset.checked_add(range.length);
        match next.filter(|_| range.length > 0 && range.offset >= end) {
            Some(next) if next <= header.target.size => end = next,
            _ => {
                return Err(format!(
                    "a range of {} bytes at offset {} that has already arrived: expected \
                     ascending ranges within the volume ({} bytes)",
                    range.length, range.offset, header.target.size
                ));
            }
        }
    }
    Ok(end)
}
