//! Makes the checksums of streams right, whatever else is in them.

use md5::{Digest, Md5};

const MAGIC: &[u8] = b"HYPERLAYER/2.0\n";
const FRAME: usize = 80;
const TRAILER: usize = 168;
/// The size of a record's entry in a group's table.
const ENTRY: usize = 56;
/// The records, in the order in which a trailer counts them.
const KINDS: [&[u8; 4]; 3] = [b"DATA", b"ZERO", b"DISC"];

/// Gives every frame of a stream of ours its number, its content's digest and its check, and the
/// trailer its counts and the stream's digest. A frame whose content goes beyond the end gets what
/// is there. After a trailer another stream may begin.
pub(crate) fn hyperlayer(stream: &mut [u8]) {
    let mut at = 0;
    while stream.get(at..).is_some_and(|rest| rest.starts_with(MAGIC)) {
        at = one_stream(stream, at);
    }
}

/// Repairs the stream at `begin`; yields where it ends.
fn one_stream(stream: &mut [u8], begin: usize) -> usize {
    let mut digest = blake3::Hasher::new();
    digest.update(MAGIC);
    let mut totals = [0_u64; 6];
    let mut at = begin + MAGIC.len();
    for sequence in 0_u64.. {
        let Some((frame, rest)) = stream[at..].split_at_mut_checked(FRAME) else { break };
        let stored = rest.len().min(word(frame, 32) as u32 as usize);
        frame[32..36].copy_from_slice(&(stored as u32).to_le_bytes());
        frame[8..16].copy_from_slice(&sequence.to_le_bytes());
        let content = &mut rest[..stored];
        let is_last = frame.starts_with(b"TAIL");
        if is_last && content.len() == TRAILER {
            let sums = totals.map(u64::to_le_bytes).concat();
            content[..48].copy_from_slice(&sums);
            content[48..56].copy_from_slice(&((at - begin) as u64).to_le_bytes());
            let (said, stream_digest) = content.split_at_mut(TRAILER - 32);
            stream_digest.copy_from_slice(digest.clone().update(said).finalize().as_bytes());
        }
        let codec = word(frame, 36) as u32;
        let length = word(frame, 24);
        let is_group = frame.starts_with(b"GRUP");
        if is_group && codec == 0 {
            group(content);
        }
        let unpacked = (codec == 1).then(|| unpacked(content, length)).flatten();
        let content_or_unpacked = unpacked.as_deref().unwrap_or(content);
        let hashed = match is_group {
            true => &content_or_unpacked[..table(content_or_unpacked)],
            false => content_or_unpacked,
        };
        let hash = blake3::hash(hashed);
        frame[40..72].copy_from_slice(hash.as_bytes());
        let check = blake3::hash(&frame[..72]);
        frame[72..].copy_from_slice(&check.as_bytes()[..8]);
        digest.update(frame);
        if codec != 0 {
            digest.update(content);
        }
        at += FRAME + stored;
        if is_last {
            break;
        }
        let mut count = |kind: &[u8], length: u64| {
            if let Some(kind) = KINDS.iter().position(|one| kind.starts_with(*one)) {
                totals[2 * kind] += 1;
                totals[2 * kind + 1] = totals[2 * kind + 1].wrapping_add(length);
            }
        };
        count(frame, length);
        if is_group {
            let content = unpacked.as_deref().unwrap_or(content);
            for entry in content[..table(content)].get(8..).unwrap_or(&[]).chunks_exact(ENTRY) {
                count(entry, word(entry, 16));
            }
        }
    }
    at
}

/// How long the table of a group is, as far as its content goes.
fn table(content: &[u8]) -> usize {
    let count = word(content, 0) as u32 as usize;
    count.saturating_mul(ENTRY).saturating_add(8).min(content.len())
}

/// Gives the records of a group their digests.
fn group(content: &mut [u8]) {
    let (table, mut bytes) = content.split_at_mut(table(content));
    for entry in table.get_mut(8..).unwrap_or(&mut []).chunks_exact_mut(ENTRY) {
        let length = if entry.starts_with(b"DATA") { word(entry, 16) as usize } else { 0 };
        let (record, rest) = bytes.split_at_mut(length.min(bytes.len()));
        entry[24..].copy_from_slice(blake3::hash(record).as_bytes());
        bytes = rest;
    }
}

fn word(frame: &[u8], at: usize) -> u64 {
    frame.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn unpacked(content: &[u8], length: u64) -> Option<Vec<u8>> {
    let length = usize::try_from(length).ok().filter(|length| *length <= 1 << 20)?;
    zstd::bulk::decompress(content, length).ok()
}

/// Gives the headers and blocks of lvbackup's streams their MD5.
pub(crate) fn lvbackup(stream: &mut [u8]) {
    let mut rest = stream;
    while let Some((header, after)) = rest.split_at_mut_checked(110) {
        let digest = Md5::digest(&header[..94]);
        header[94..].copy_from_slice(&digest);
        let size = header[10..].first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
        let blocks = header[14..].first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        rest = after;
        for _ in 0..blocks {
            let Some((block, after)) = rest.split_at_mut_checked(8 + size as usize + 16) else {
                return;
            };
            let (content, digest) = block.split_at_mut(8 + size as usize);
            digest.copy_from_slice(&Md5::digest(content));
            rest = after;
        }
    }
}
