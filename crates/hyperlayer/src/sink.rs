//! [`RecordSink`]: anything that takes records in order and makes a stream from them.

use std::io::Write;

use crate::error::Result;
use crate::{Encoder, Error, Finished, Packed, PackedGroup, Roots};

/// A writer of a stream in any format, as seen by the code that produces the records. Records come in
/// ascending order; offsets and lengths are in bytes.
pub trait RecordSink {
    /// What the stream is written to.
    type Output;

    /// Takes a data record; `packed` is its content, packed by a [`Packer`](crate::Packer).
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) if it does not fit the format or the order;
    /// [`Error::Io`](crate::Error::Io).
    fn packed_data(&mut self, offset: u64, bytes: &[u8], packed: &Packed) -> Result<()>;

    /// Whether it takes groups.
    const HAS_GROUPS: bool = false;

    /// Takes small records together, if it takes groups.
    ///
    /// # Errors
    /// As for data.
    fn group(&mut self, _: &PackedGroup) -> Result<()> {
        Err(Error::Invalid("the format has no groups".into()))
    }

    /// Sets the root digests of the base and the target, if the format has a place for them.
    fn roots(&mut self, _: Roots) {}

    /// Takes a zero record.
    ///
    /// # Errors
    /// As for data.
    fn zero(&mut self, offset: u64, length: u64) -> Result<()>;

    /// Takes a discard record.
    ///
    /// # Errors
    /// As for data.
    fn discard(&mut self, offset: u64, length: u64) -> Result<()>;

    /// Writes the stream's end, flushes, and returns the output.
    ///
    /// # Errors
    /// As for data; also if something that was announced did not come.
    fn finish(self) -> Result<(Self::Output, Finished)>;
}

impl<W: Write> RecordSink for Encoder<W> {
    type Output = W;

    fn packed_data(&mut self, offset: u64, bytes: &[u8], packed: &Packed) -> Result<()> {
        Encoder::packed_data(self, offset, bytes, packed)
    }

    const HAS_GROUPS: bool = true;

    fn group(&mut self, group: &PackedGroup) -> Result<()> {
        Encoder::group(self, group)
    }

    fn roots(&mut self, roots: Roots) {
        Encoder::roots(self, roots);
    }

    fn zero(&mut self, offset: u64, length: u64) -> Result<()> {
        Encoder::zero(self, offset, length)
    }

    fn discard(&mut self, offset: u64, length: u64) -> Result<()> {
        Encoder::discard(self, offset, length)
    }

    fn finish(self) -> Result<(W, Finished)> {
        Encoder::finish(self)
    }
}
