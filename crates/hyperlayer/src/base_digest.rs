//! [`BaseDigest`]: what the base held at one place when the diff was made.

use zerocopy::byteorder::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::Result;
use crate::{Error, Header, MAX_RECORD, frame};

/// The content of one range of the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaseDigest {
    /// Where the range begins, in bytes.
    pub offset: u64,
    /// Its length, in bytes.
    pub length: u64,
    /// What the digest covers.
    pub kind: DigestKind,
    /// The digest of the base's content in this range.
    pub digest: [u8; 32],
}

/// What a base digest covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestKind {
    /// BLAKE3 of the bytes, at detect levels 1 and 2.
    Bytes,
    /// The root of the digest tree of the whole base, at detect level 3: see
    /// [`TreeHasher`](crate::TreeHasher).
    Root,
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

/// The kind of the frame that holds the base digests of a detect level, and its content's name for
/// messages.
pub(crate) fn frame_of(level: u8) -> ([u8; 4], &'static str) {
    match level {
        3 => (frame::ROOT, "the base's root digest"),
        _ => (frame::BASE, "the base digests"),
    }
}

/// The content of this frame at a detect level.
pub(crate) fn to_bytes(level: u8, digests: &[BaseDigest]) -> Vec<u8> {
    if level == 3 {
        return digests.iter().flat_map(|root| root.digest).collect();
    }
    let entry = |digest: &BaseDigest| Entry {
        offset: digest.offset.into(),
        length: digest.length.into(),
        digest: digest.digest,
    };
    digests.iter().flat_map(|digest| entry(digest).as_bytes().to_vec()).collect()
}

/// Parses the content of this frame at the header's detect level.
pub(crate) fn from_bytes(
    header: &Header,
    bytes: &[u8],
) -> std::result::Result<Vec<BaseDigest>, String> {
    if header.detect_level == 3 {
        let digest = bytes
            .try_into()
            .map_err(|_| format!("a root digest takes 32 bytes, found {}", bytes.len()))?;
        let length = header.base.as_ref().map_or(0, |base| base.size);
        return Ok(vec![BaseDigest { offset: 0, length, kind: DigestKind::Root, digest }]);
    }
    let entries = <[Entry]>::ref_from_bytes(bytes)
        .map_err(|_| format!("base digests take 48 bytes each, found {} bytes", bytes.len()))?;
    let digest = |entry: &Entry| BaseDigest {
        offset: entry.offset.get(),
        length: entry.length.get(),
        kind: DigestKind::Bytes,
        digest: entry.digest,
    };
    Ok(entries.iter().map(digest).collect())
}

/// Checks what a reader may rely on; both encoder and decoder call it.
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
        (3, [whole]) => {
            let is_whole = whole.offset == 0 && whole.length == base.size;
            return match whole.kind {
                DigestKind::Root if is_whole => Ok(()),
                _ => Err("detect level 3 has the root digest of the whole base".into()),
            };
        }
        (3, _) => return Err("detect level 3 has one digest, of the whole base".into()),
        _ => {}
    }
    if digests.iter().any(|digest| digest.kind != DigestKind::Bytes) {
        return Err(format!("a root digest at detect level {}", header.detect_level));
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
        return Err(Error::Invalid(format!("too many base digests: {}", digests.len())));
    }
    Ok(())
}
