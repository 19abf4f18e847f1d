//! Makes the checksums of streams right, whatever else is in them.

use md5::{Digest, Md5};

const MAGIC: &[u8] = b"HYPERLAYER/2.0\n";
const FRAME: usize = 80;

/// Gives every frame of a stream of ours its number, its content's digest and its check, and the
/// trailer its counts and the stream's digest. A frame whose content goes beyond the end gets what
/// is there. Behind a trailer another stream may begin.
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
        if is_last && content.len() == FRAME {
            let sums = totals.map(u64::to_le_bytes).concat();
            content[..48].copy_from_slice(&sums);
            content[48..].copy_from_slice(digest.finalize().as_bytes());
        }
        let codec = word(frame, 36) as u32;
        let length = word(frame, 24);
        let unpacked = (codec == 1).then(|| unpacked(content, length)).flatten();
        let hash = blake3::hash(unpacked.as_deref().unwrap_or(content));
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
        let kinds = [b"DATA", b"ZERO", b"DISC"];
        if let Some(kind) = kinds.iter().position(|kind| frame.starts_with(*kind)) {
            totals[2 * kind] += 1;
            totals[2 * kind + 1] = totals[2 * kind + 1].wrapping_add(length);
        }
    }
    at
}

fn word(frame: &[u8], at: usize) -> u64 {
    frame[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
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
