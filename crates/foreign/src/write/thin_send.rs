//! [`ThinSend`]: the stream of thin_send 1.1, which thin_recv reads.
//!
//! All integers are big-endian. A header of 28 bytes: u64 magic, u64 offset and u64 length in bytes, u32
//! command. A data header is followed by that many bytes of data, the end header by 24 bytes: how many
//! headers there are, and how many of them are for data and for unmapped ranges.

use std::io::{self, Write};

use super::blocks::{Blocks, Filler};
use crate::Result;
use crate::read::thin_send::{BEGIN, DATA, END, END_BYTES, UNMAP, V1_1};
use hyperlayer::{Error, Finished, Packed, Record, RecordSink, Roots};

/// Writes one stream, front to back, with zeros as data. It names no volume, and nothing that identifies a
/// base.
pub struct ThinSend<W, I> {
    filler: Filler<W, Extents<I>>,
    unmapped: u64,
}

/// The ranges whose content will come: offset and length, in bytes.
struct Extents<I> {
    ahead: I,
    count: u64,
}

impl<W: Write, I: Iterator<Item = io::Result<(u64, u64)>>> ThinSend<W, I> {
    /// Begins the stream. `extents` are the ranges whose whole content will come, in ascending order, as offset
    /// and length in bytes: each gets one header.
    ///
    /// # Errors
    /// [`Error::Io`] if `output` fails.
    pub fn new(mut output: W, extents: I) -> Result<Self> {
        output.write_all(&header(0, 0, BEGIN))?;
        let filler = Filler::new(output, Extents { ahead: extents, count: 0 });
        Ok(Self { filler, unmapped: 0 })
    }
}

impl<W: Write, I: Iterator<Item = io::Result<(u64, u64)>>> RecordSink for ThinSend<W, I> {
    type Output = W;

    fn packed_data(&mut self, offset: u64, bytes: &[u8], _: &Packed) -> Result<()> {
        self.filler.data(offset, bytes)
    }

    fn zero(&mut self, offset: u64, length: u64) -> Result<()> {
        self.filler.zero(offset, length)
    }

    fn discard(&mut self, offset: u64, length: u64) -> Result<()> {
        self.filler.check_filled()?;
        self.filler.totals.add(&Record::Discard { offset, length });
        self.unmapped = self.unmapped.saturating_add(1);
        Ok(self.filler.output.write_all(&header(offset, length, UNMAP))?)
    }

    fn finish(mut self) -> Result<(W, Finished)> {
        self.filler.check_filled()?;
        if let Some((offset, _)) = self.filler.blocks.ahead.next().transpose()? {
            return Err(Error::Invalid(format!("nothing for the extent at offset {offset}")));
        }
        let (mut output, totals) = (self.filler.output, self.filler.totals);
        let data = self.filler.blocks.count;
        // The begin and end headers count too.
        let all = data.saturating_add(self.unmapped).saturating_add(2);
        output.write_all(&header(0, END_BYTES, END))?;
        for count in [all, data, self.unmapped] {
            output.write_all(&count.to_be_bytes())?;
        }
        output.flush()?;
        Ok((output, Finished { totals, digest: None, roots: Roots::default() }))
    }
}

impl<I: Iterator<Item = io::Result<(u64, u64)>>> Blocks for Extents<I> {
    const TAIL: &'static [u8] = b"";

    fn begin(&mut self, offset: u64) -> Result<(u64, Vec<u8>)> {
        match self.ahead.next().transpose()? {
            Some((begin, length)) if begin == offset => {
                self.count = self.count.saturating_add(1);
                Ok((length, header(offset, length, DATA)))
            }
            next => Err(Error::Invalid(format!(
                "content for offset {offset}, but the next extent is {next:?}"
            ))),
        }
    }
}

fn header(offset: u64, length: u64, command: u32) -> Vec<u8> {
    let mut header = Vec::with_capacity(28);
    for number in [V1_1, offset, length] {
        header.extend(number.to_be_bytes());
    }
    header.extend(command.to_be_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed() -> Packed {
        Packed::plain(&[])
    }

    #[test]
    fn extents_have_one_header_each_however_their_content_comes() {
        let mut stream =
            ThinSend::new(Vec::new(), [Ok((512, 2048)), Ok((2560, 512))].into_iter()).unwrap();
        stream.packed_data(512, &[7; 512], &packed()).unwrap();
        // Zeros that continue in the next extent.
        stream.zero(1024, 2048).unwrap();
        stream.discard(4096, 1024).unwrap();
        let (stream, Finished { totals, .. }) = stream.finish().unwrap();
        assert_eq!((totals.data_bytes, totals.zero_bytes, totals.discard_bytes), (512, 2048, 1024));
        let mut expected = [header(0, 0, BEGIN), header(512, 2048, DATA), vec![7; 512]].concat();
        expected.extend([vec![0; 1536], header(2560, 512, DATA), vec![0; 512]].concat());
        expected.extend([header(4096, 1024, UNMAP), header(0, 24, END)].concat());
        expected.extend([5_u64, 2, 1].iter().flat_map(|count| count.to_be_bytes()));
        assert!(stream == expected);
    }

    #[test]
    fn what_was_not_announced_or_does_not_come_is_refused() {
        let new = || ThinSend::new(Vec::new(), [Ok((512, 1024))].into_iter()).unwrap();
        assert!(new().zero(0, 512).is_err());
        assert!(new().zero(512, 1536).is_err());
        assert!(new().finish().is_err());
        let mut stream = new();
        stream.zero(512, 512).unwrap();
        assert!(stream.zero(512, 512).is_err());
        assert!(stream.zero(2048, 512).is_err());
        assert!(stream.discard(4096, 512).is_err());
        assert!(stream.finish().is_err());
    }
}
