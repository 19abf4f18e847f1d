//! [`ForeignDecoder`]: a stream of any other tool.

use std::io::Read;

use hyperlayer::{BaseChecksum, BaseDigest, DecoderState, Error, Header, Record, Records, Totals};

use super::bytes::{Bytes, damaged};
use super::change::{Change, What};
use super::format::Format;
use super::said::{FollowedBy, Foreign, Missing};
use super::{hyperlayer1, lvbackup, lvmsync, thin_send, virtnbdbackup};
use crate::Result;

/// Reads one stream of another tool, front to back; only [`Unfinished::complete`] makes it. Memory: one
/// record; for lvbackup a block, for compressed streams of virtnbdbackup a frame, for HYPERLAYER/1.0 its base
/// checks as well.
pub struct ForeignDecoder<R: Read> {
    source: Bytes<R>,
    format: Box<dyn Format<R>>,
    foreign: Foreign,
    header: Header,
    buf: Vec<u8>,
    totals: Totals,
    state: DecoderState,
}

/// Whether a stream that begins like this is another tool's.
pub(super) fn is_foreign(first: &[u8]) -> bool {
    hyperlayer1::is(first)
        || thin_send::is(first)
        || lvmsync::is(first)
        || virtnbdbackup::is(first)
        || lvbackup::is(first)
}

/// Enough to tell whether another stream begins.
const FIRST: usize = virtnbdbackup::FIRST.len();

/// Whether these bytes begin a stream that may follow; they are all that is left, or enough to tell.
fn begins(followed_by: FollowedBy, first: &[u8]) -> bool {
    match followed_by {
        FollowedBy::Nothing => false,
        FollowedBy::LvBackup => lvbackup::is(first) || lvbackup::is_cut(first),
        FollowedBy::VirtNbdBackup => virtnbdbackup::FIRST.starts_with(first),
    }
}

impl<R: Read> ForeignDecoder<R> {
    /// Reads up to the first record; `first` are the bytes that [`is_foreign`] has seen.
    pub(super) fn begin(first: &[u8], mut source: Bytes<R>) -> Result<Self> {
        let at = source.at();
        let (format, foreign): (Box<dyn Format<R>>, Foreign) = if hyperlayer1::is(first) {
            let (format, foreign) = hyperlayer1::begin(&mut source)?;
            (Box::new(format), foreign)
        } else if lvmsync::is(first) {
            let (format, foreign) = lvmsync::begin(&mut source)?;
            (Box::new(format), foreign)
        } else if virtnbdbackup::is(first) {
            let (format, foreign) = virtnbdbackup::begin(&mut source)?;
            (Box::new(format), foreign)
        } else if lvbackup::is(first) {
            let (format, foreign) = lvbackup::begin(&mut source)?;
            (Box::new(format), foreign)
        } else {
            let (format, foreign) = thin_send::begin(first);
            (Box::new(format), foreign)
        };
        let header = foreign.header(&Missing::default()).map_err(|reason| damaged(at, reason))?;
        source.size = header.target.size;
        let (buf, totals, state) = (Vec::new(), Totals::default(), DecoderState::Records);
        Ok(Self { source, format, foreign, header, buf, totals, state })
    }

    /// What the stream says about itself.
    pub fn foreign(&self) -> &Foreign {
        &self.foreign
    }

    /// Fills in what the stream does not say, before any record is read.
    pub(super) fn complete(&mut self, missing: &Missing) -> Result<()> {
        let header = self.foreign.header(missing);
        self.header = header.map_err(|reason| damaged(self.source.at(), reason))?;
        self.source.size = self.header.target.size;
        Ok(())
    }

    pub(super) fn next_stream(mut self) -> Result<Option<Self>> {
        while self.next_record()?.is_some() {}
        let first = self.source.peek(FIRST)?;
        if first.is_empty() {
            return Ok(None);
        }
        if !begins(self.foreign.followed_by, &first) {
            let reason = "there is more input after the stream's end: no other stream begins there";
            return Err(damaged(self.source.at(), reason.into()));
        }
        if !is_foreign(&first) {
            let at = self.source.at().saturating_add(first.len() as u64);
            return Err(Error::Cut { at, inside: "the next stream's beginning" });
        }
        Self::begin(&first, self.source).map(Some)
    }

    fn advance(&mut self) -> Result<Option<Change>> {
        let Some(mut change) = self.format.next(&mut self.source, &mut self.buf)? else {
            return Ok(None);
        };
        if matches!(change.what, What::Data)
            && self.foreign.zeros_are_holes
            && self.buf.iter().all(|byte| *byte == 0)
        {
            change.what = What::Zero;
        }
        self.totals.add(&record(&change, &self.buf));
        Ok(Some(change))
    }
}

impl<R: Read> Records for ForeignDecoder<R> {
    fn header(&self) -> &Header {
        &self.header
    }

    fn base_digests(&self) -> &[BaseDigest] {
        &[]
    }

    fn base_checksums(&self) -> &[BaseChecksum] {
        &self.foreign.base_checksums
    }

    fn ascend(&self) -> bool {
        false
    }

    fn next_record(&mut self) -> Result<Option<Record<'_>>> {
        if !self.state.begin(self.source.at())? {
            return Ok(None);
        }
        let change = self.advance()?;
        self.state.came(change.is_some());
        Ok(change.map(|change| record(&change, &self.buf)))
    }

    fn totals(&self) -> Totals {
        self.totals
    }

    fn finish(&mut self) -> Result<Totals> {
        while self.next_record()?.is_some() {}
        self.source.expect_end()?;
        Ok(self.totals)
    }
}

fn record<'a>(change: &Change, bytes: &'a [u8]) -> Record<'a> {
    let (offset, length) = (change.offset, change.length);
    match change.what {
        What::Data => Record::Data { offset, bytes },
        What::Zero => Record::Zero { offset, length },
        What::Discard => Record::Discard { offset, length },
    }
}
