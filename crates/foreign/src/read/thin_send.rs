//! LINBIT's thin_send, protocols 1.0 and 1.1, and the one before them.

use std::io::Read;

use super::bytes::{Bytes, Fields, Pending, damaged};
use super::change::{Change, What};
use super::format::Format;
use super::said::{Foreign, NO_CHECKSUMS, NO_END, NO_IDENTITY};
use crate::Result;
use hyperlayer::Error;

const FIRST: u64 = 0xe85b_c563_6cc7_2a05;
const V1_0: u64 = 0xca7f_00d5_de7e_c7ed;
pub(crate) const V1_1: u64 = 0x24c4_f02a_ae2e_4fa9;

pub(crate) const DATA: u32 = 0;
pub(crate) const UNMAP: u32 = 1;
pub(crate) const BEGIN: u32 = 2;
pub(crate) const END: u32 = 3;
/// Since 1.1: a reader that does not know a command with this bit skips it, and the `length` bytes
/// after it.
const OPTIONAL: u32 = 1 << 31;
/// What the end command carries: the counts of all commands, of data and of unmap.
pub(crate) const END_BYTES: u64 = 24;

pub(super) struct ThinSend {
    magic: u64,
    pending: Pending,
    begun: bool,
    all: u64,
    data: u64,
    unmap: u64,
}

/// Whether these are a stream's first bytes.
pub(super) fn is(first: &[u8]) -> bool {
    magic(first).is_some()
}

fn magic(first: &[u8]) -> Option<u64> {
    let magic = Fields(first).u64();
    [FIRST, V1_0, V1_1].contains(&magic).then_some(magic)
}

pub(super) fn begin(first: &[u8]) -> (ThinSend, Foreign) {
    let magic = magic(first).unwrap_or(V1_1);
    let (format, lacks) = match magic {
        V1_1 => ("thin_send 1.1", vec![NO_CHECKSUMS, NO_IDENTITY]),
        V1_0 => ("thin_send 1.0", vec![NO_CHECKSUMS, NO_END, NO_IDENTITY]),
        _ => ("thin_send (first format)", vec![NO_CHECKSUMS, NO_END, NO_IDENTITY]),
    };
    let thin_send =
        ThinSend { magic, pending: Pending::default(), begun: false, all: 0, data: 0, unmap: 0 };
    (thin_send, Foreign { lacks, ..Foreign::new(format) })
}

impl<R: Read> Format<R> for ThinSend {
    fn next(&mut self, source: &mut Bytes<R>, buf: &mut Vec<u8>) -> Result<Option<Change>> {
        loop {
            if let Some(change) = self.pending.next(source, buf, "a chunk's data")? {
                return Ok(Some(change));
            }
            let at = source.at();
            let Some((offset, length, command)) = self.command(source)? else {
                return match self.magic {
                    V1_1 => {
                        Err(Error::Cut { at, inside: "the stream: its end command is missing" })
                    }
                    _ => Ok(None),
                };
            };
            self.all = self.all.saturating_add(1);
            let has_ends = self.magic == V1_1;
            if has_ends && !self.begun && command != BEGIN {
                return Err(damaged(at, format!("command {command} before the begin command")));
            }
            match command {
                DATA => {
                    source.check_range(at, offset, length)?;
                    self.data = self.data.saturating_add(1);
                    self.pending = Pending::new(offset, length);
                }
                UNMAP => {
                    source.check_range(at, offset, length)?;
                    self.unmap = self.unmap.saturating_add(1);
                    return Ok(Some(Change { what: What::Discard, offset, length }));
                }
                BEGIN if has_ends && !self.begun => {
                    // thin_recv would take the bytes after it for the next command.
                    if length != 0 {
                        return Err(damaged(at, format!("a begin of {length} bytes: expected 0")));
                    }
                    self.begun = true;
                }
                END if has_ends => {
                    if offset != 0 {
                        return Err(damaged(at, format!("an end at offset {offset}: expected 0")));
                    }
                    self.check_end(source, length)?;
                    source.expect_end()?;
                    return Ok(None);
                }
                _ if has_ends && command & OPTIONAL != 0 => {
                    source.skip(length, "an optional command")?
                }
                _ => {
                    let what = format!("command {command:#x}");
                    return Err(Error::Unsupported { at, what });
                }
            }
        }
    }
}

impl ThinSend {
    /// The next offset, length and command.
    fn command<R: Read>(&self, source: &mut Bytes<R>) -> Result<Option<(u64, u64, u32)>> {
        let at = source.at();
        let mut room = [0; 28];
        let size = if self.magic == FIRST { 24 } else { 28 };
        let header = &mut room[..size];
        if !source.fill_or_end(header, "a chunk's header")? {
            return Ok(None);
        }
        let mut fields = Fields(header);
        let magic = fields.u64();
        if magic != self.magic {
            return Err(damaged(
                at,
                format!("a chunk begins with {magic:016x}: expected {:016x}", self.magic),
            ));
        }
        let offset = fields.u64();
        let length = if self.magic == FIRST { fields.u32().into() } else { fields.u64() };
        Ok(Some((offset, length, fields.u32())))
    }

    fn check_end<R: Read>(&self, source: &mut Bytes<R>, length: u64) -> Result<()> {
        let at = source.at();
        if length != END_BYTES {
            return Err(damaged(at, format!("an end of {length} bytes: expected {END_BYTES}")));
        }
        let mut counts = [0; END_BYTES as usize];
        source.fill_whole(&mut counts, "the end command")?;
        let mut counts = Fields(&counts);
        let counted = [counts.u64(), counts.u64(), counts.u64()];
        let came = [self.all, self.data, self.unmap];
        if counted != came {
            return Err(damaged(
                at,
                format!(
                    "the end counts {counted:?} commands, data and unmapped ranges, but {came:?} \
                     came"
                ),
            ));
        }
        Ok(())
    }
}
