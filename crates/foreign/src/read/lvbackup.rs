//! lvbackup's streams, version 1. Several may follow each other.

use std::io::Read;

use md5::{Digest, Md5};

use super::bytes::{Bytes, Fields, Pending, damaged};
use super::change::Change;
use super::format::Format;
use super::said::{FollowedBy, Foreign, Start};
use crate::Result;
use hyperlayer::{Error, MAX_RECORD, SECTOR};

const VERSION: u8 = 1;
const FULL: u8 = 1;
const DELTA: u8 = 2;
const HEADER: usize = 110;
/// How many bytes the header's MD5 covers.
const HASHED: usize = 94;
/// The largest chunk that dm-thin allows.
const MOST: u64 = 1 << 30;

pub(super) struct LvBackup {
    block_size: u64,
    blocks_left: u64,
    /// The block that is being handed out: its content, and the part still to come.
    block: Vec<u8>,
    pending: Pending,
    given: usize,
}

/// Whether these are a stream's first bytes.
pub(super) fn is(first: &[u8]) -> bool {
    matches!(first, [VERSION, FULL | DELTA, ..])
}

/// Whether the input ends within a stream's first two bytes.
pub(super) fn is_cut(first: &[u8]) -> bool {
    first == [VERSION]
}

pub(super) fn begin<R: Read>(source: &mut Bytes<R>) -> Result<(LvBackup, Foreign)> {
    let (at, mut header) = (source.at(), [0; HEADER]);
    source.fill_whole(&mut header, "lvbackup's header")?;
    let (hashed, digest) = header.split_at(HASHED);
    if Md5::digest(hashed)[..] != *digest {
        return Err(damaged(at, "lvbackup's header does not match its MD5".into()));
    }
    let mut fields = Fields(hashed);
    let [_version, kind] = fields.bytes();
    let (size, block_size, blocks) = (fields.u64(), u64::from(fields.u32()), fields.u64());
    let (uuid, base) = (text(fields.bytes::<36>()), text(fields.bytes::<36>()));
    let covered = blocks.checked_mul(block_size).filter(|&bytes| bytes <= size);
    if block_size == 0 || block_size > MOST || !block_size.is_multiple_of(SECTOR) {
        return Err(damaged(at, format!("blocks of {block_size} bytes")));
    }
    let Some(covered) = covered else {
        return Err(damaged(at, format!("{blocks} blocks in a volume of {size} bytes")));
    };
    let starts = match kind {
        FULL => Start::Nothing,
        _ => Start::Base { uuid: base },
    };
    let foreign = Foreign {
        uuid,
        size: Some(size),
        chunk_size: Some(block_size),
        changed: Some(covered),
        starts,
        zeros_are_holes: true,
        followed_by: FollowedBy::LvBackup,
        ..Foreign::new("lvbackup version 1")
    };
    let (block, pending) = (Vec::new(), Pending::default());
    Ok((LvBackup { block_size, blocks_left: blocks, block, pending, given: 0 }, foreign))
}

/// A UUID that fills its field, or ends before it does.
fn text(bytes: [u8; 36]) -> String {
    let text = String::from_utf8_lossy(&bytes);
    text.trim_end_matches('\0').trim().to_owned()
}

impl<R: Read> Format<R> for LvBackup {
    fn next(&mut self, source: &mut Bytes<R>, buf: &mut Vec<u8>) -> Result<Option<Change>> {
        if self.pending.is_empty() {
            if self.blocks_left == 0 {
                return Ok(None);
            }
            self.blocks_left = self.blocks_left.saturating_sub(1);
            self.read_block(source)?;
        }
        let change = self.pending.piece();
        let length = change.as_ref().map_or(0, |change| change.length as usize);
        let end = self.given.saturating_add(length);
        buf.clear();
        buf.extend_from_slice(self.block.get(self.given..end).unwrap_or_default());
        self.given = end;
        Ok(change)
    }
}

impl LvBackup {
    /// Reads and verifies the next block. Memory grows with the data that arrives.
    fn read_block<R: Read>(&mut self, source: &mut Bytes<R>) -> Result<()> {
        let (at, mut index) = (source.at(), [0; 8]);
        source.fill_whole(&mut index, "a block's number")?;
        let mut digest = Md5::new();
        digest.update(index);
        self.block.clear();
        let mut left = self.block_size;
        while left > 0 {
            let (begin, piece) = (self.block.len(), left.min(MAX_RECORD as u64));
            self.block.resize(begin.saturating_add(piece as usize), 0);
            source.fill_whole(&mut self.block[begin..], "a block's data")?;
            left = left.saturating_sub(piece);
        }
        digest.update(&self.block);
        let mut expected = [0; 16];
        source.fill_whole(&mut expected, "a block's MD5")?;
        let number = u64::from_be_bytes(index);
        if digest.finalize()[..] != expected {
            return Err(damaged(at, format!("block {number} does not match its MD5")));
        }
        let Some(offset) = number.checked_mul(self.block_size) else {
            return Err(Error::Damaged { at, reason: format!("there is no block {number}") });
        };
        source.check_range(at, offset, self.block_size)?;
        (self.pending, self.given) = (Pending::new(offset, self.block_size), 0);
        Ok(())
    }
}
