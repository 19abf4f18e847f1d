//! [`BaseDigest`]: what the base held at one place when the diff was made.

use zerocopy::byteorder::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::Result;
use crate::{Error, Header, MAX_RECORD};

/// The BLAKE3 of one range of the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaseDigest {
    /// Where the range begins, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub length: u64,
    /// BLAKE3 of the bytes that the base's volume reads as there.
    pub digest: [u8; 32],
}

/// One entry of the base frame's content, 48 bytes.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Entry {
    offset: U64,
    length: U64,
    digest: [u8; 32],
}
const _: () = assert!(size_of::<Entry>() == 48);

pub(crate) fn to_bytes(digests: &[BaseDigest]) -> Vec<u8> {
    let entry = |digest: &BaseDigest| Entry {
        offset: digest.offset.into(),
        length: digest.length.into(),
        digest: digest.digest,
    };
    digests.iter().flat_map(|digest| entry(digest).as_bytes().to_vec()).collect()
}

pub(crate) fn from_bytes(bytes: &[u8]) -> std::result::Result<Vec<BaseDigest>, String> {
    let entries = <[Entry]>::ref_from_bytes(bytes)
        .map_err(|_| format!("base digests take 48 bytes each, found {} bytes", bytes.len()))?;
    let digest = |entry: &Entry| BaseDigest {
        offset: entry.offset.get(),
        length: entry.length.get(),
        digest: entry.digest,
    };
    Ok(entries.iter().map(digest).collect())
}

/// What a reader may rely on, checked on both sides.
pub(crate) fn validate(header: &Header, digests: &[BaseDigest]) -> std::result::Result<(), String> {
    let Some(base) = &header.base else {
        return match (header.detect_level, digests) {
            (0, []) => Ok(()),
            _ => Err("base digests, but no base".into()),
        };
    };
    match (header.detect_level, digests) {
        (0, []) => return Ok(()),
        (0, _) => return Err("base digests at detect level 0".into()),
        (level, []) => return Err(format!("no base digest at detect level {level}")),
        (3, [whole]) if whole.offset == 0 && whole.length == base.size => return Ok(()),
        (3, _) => return Err("detect level 3 has one digest, of the whole base".into()),
        _ => {}
    }
    let mut end = 0;
    for digest in digests {
        let next = digest.offset.checked_add(digest.length);
        let sound = digest.length > 0 && digest.length <= header.chunk_size && digest.offset >= end;
        match next {
            Some(next) if sound && next <= base.size => end = next,
            _ => {
                return Err(format!(
                    "a base digest of {} bytes at offset {}: expected ascending ranges of at most \
                     a chunk ({} bytes) within the base ({} bytes)",
                    digest.length, digest.offset, header.chunk_size, base.size
                ));
            }
        }
    }
    Ok(())
}

pub(crate) fn check_count(digests: &[BaseDigest]) -> Result<()> {
    const MOST: usize = MAX_RECORD / size_of::<Entry>();
    if digests.len() > MOST {
        return Err(Error::Invalid(format!("{} base digests are too many", digests.len())));
    }
    Ok(())
}
