//! lvmsync's dump and snapback files, `PROTO[3]`.

use std::io::Read;

use super::bytes::{Bytes, Fields, Pending};
use super::change::Change;
use super::format::Format;
use super::said::{Foreign, NO_CHECKSUMS, NO_END, NO_IDENTITY};
use crate::Result;
use hyperlayer::Error;

const FIRST: &[u8] = b"lvmsync PROTO[";
const LINE: &[u8] = b"lvmsync PROTO[3]";

pub(super) struct Lvmsync {
    pending: Pending,
}

/// Whether these are a stream's first bytes.
pub(super) fn is(first: &[u8]) -> bool {
    first.starts_with(FIRST)
}

pub(super) fn begin<R: Read>(source: &mut Bytes<R>) -> Result<(Lvmsync, Foreign)> {
    let line = source.line(64, "lvmsync's first line")?.unwrap_or_default();
    if line != LINE {
        let what = format!(
            "a stream that begins with \"{}\": only lvmsync PROTO[3] is supported",
            line.escape_ascii()
        );
        return Err(Error::Unsupported { at: 0, what });
    }
    let lacks = vec![NO_CHECKSUMS, NO_END, NO_IDENTITY];
    let foreign = Foreign { lacks, ..Foreign::new("lvmsync PROTO[3]") };
    Ok((Lvmsync { pending: Pending::default() }, foreign))
}

impl<R: Read> Format<R> for Lvmsync {
    fn next(&mut self, source: &mut Bytes<R>, buf: &mut Vec<u8>) -> Result<Option<Change>> {
        if self.pending.is_empty() {
            let (at, mut header) = (source.at(), [0; 12]);
            if !source.fill_or_end(&mut header, "a block's header")? {
                return Ok(None);
            }
            let mut fields = Fields(&header);
            let (offset, length) = (fields.u64(), u64::from(fields.u32()));
            source.check_range(at, offset, length)?;
            self.pending = Pending::new(offset, length);
        }
        self.pending.next(source, buf, "a block's data")
    }
}
