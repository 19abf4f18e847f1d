//! [`Unfinished`] and [`AnyDecoder`]: a stream of ours or of another tool, recognized by its first bytes.

use std::io::{Cursor, Read};

use super::bytes::Bytes;
use super::decoder::{ForeignDecoder, is_foreign};
use super::said::{Foreign, Missing};
use crate::Result;
use hyperlayer::{
    BaseChecksum, BaseDigest, Decoder, Header, Held, MAGIC, Record, Records, Roots, Totals,
};

/// A stream that has begun, of any known format. [`Unfinished::foreign`] returns what another tool's stream
/// says about itself; once [`Unfinished::complete`] has filled in what it does not say, its records can be
/// read. A stream of ours says everything.
pub struct Unfinished<R: Read>(AnyDecoder<R>);

/// Reads one stream of any known format, front to back.
pub enum AnyDecoder<R: Read> {
    /// A stream of ours.
    Own(Box<Decoder<Input<R>>>),
    /// A stream of another tool.
    Foreign(Box<ForeignDecoder<R>>),
}

/// An input whose first bytes have already been read.
pub type Input<R> = std::io::Chain<Cursor<Vec<u8>>, R>;

impl<R: Read> Unfinished<R> {
    /// Reads up to the first record.
    ///
    /// # Errors
    /// [`Error::Cut`](hyperlayer::Error::Cut), [`Error::Damaged`](hyperlayer::Error::Damaged),
    /// [`Error::Unsupported`](hyperlayer::Error::Unsupported) or [`Error::Io`](hyperlayer::Error::Io).
    pub fn begin(mut input: R) -> Result<Self> {
        let mut first = Vec::new();
        input.by_ref().take(MAGIC.len() as u64).read_to_end(&mut first)?;
        Ok(Self(match is_foreign(&first) {
            true => {
                let source = Bytes::new(first.clone(), input);
                AnyDecoder::Foreign(Box::new(ForeignDecoder::begin(&first, source)?))
            }
            false => AnyDecoder::Own(Box::new(Decoder::new(Cursor::new(first).chain(input))?)),
        }))
    }

    /// What another tool's stream says about itself; `None` for a stream of ours.
    pub fn foreign(&self) -> Option<&Foreign> {
        self.0.foreign()
    }

    /// Its header. What another tool's stream does not say has a placeholder there: a size is as large as
    /// possible.
    pub fn header(&self) -> &Header {
        self.0.header()
    }

    /// Fills in what another tool's stream does not say. What the stream says itself takes precedence.
    ///
    /// # Errors
    /// [`Error::Damaged`](hyperlayer::Error::Damaged) if the two make no sense together.
    pub fn complete(mut self, missing: &Missing) -> Result<AnyDecoder<R>> {
        if let AnyDecoder::Foreign(decoder) = &mut self.0 {
            decoder.complete(missing)?;
        }
        Ok(self.0)
    }

    /// Skips to the next stream: the records are read, and checked against what the stream says itself.
    ///
    /// # Errors
    /// As [`AnyDecoder::next_stream`].
    pub fn skip(self) -> Result<Option<Self>> {
        self.0.next_stream()
    }
}

impl<R: Read> AnyDecoder<R> {
    /// What another tool's stream says about itself; `None` for a stream of ours.
    pub fn foreign(&self) -> Option<&Foreign> {
        match self {
            Self::Own(_) => None,
            Self::Foreign(decoder) => Some(decoder.foreign()),
        }
    }

    /// As [`Decoder::next_stream`]; what the next stream does not say must be filled in again.
    ///
    /// # Errors
    /// As [`Records::finish`], and as [`Unfinished::begin`].
    pub fn next_stream(self) -> Result<Option<Unfinished<R>>> {
        let next = match self {
            Self::Own(decoder) => decoder.next_stream()?.map(|next| Self::Own(Box::new(next))),
            Self::Foreign(decoder) => {
                decoder.next_stream()?.map(|next| Self::Foreign(Box::new(next)))
            }
        };
        Ok(next.map(Unfinished))
    }

    /// As [`Decoder::roots`]; other tools' streams have none.
    pub fn roots(&self) -> Roots {
        match self {
            Self::Own(decoder) => decoder.roots(),
            Self::Foreign(_) => Roots::default(),
        }
    }

    /// As [`Decoder::stream_digest`]; other tools' streams have none.
    pub fn stream_digest(&self) -> Option<[u8; 32]> {
        match self {
            Self::Own(decoder) => decoder.stream_digest(),
            Self::Foreign(_) => None,
        }
    }
}

impl<R: Read> Records for AnyDecoder<R> {
    fn header(&self) -> &Header {
        match self {
            Self::Own(decoder) => decoder.header(),
            Self::Foreign(decoder) => decoder.header(),
        }
    }

    fn base_digests(&self) -> &[BaseDigest] {
        match self {
            Self::Own(decoder) => decoder.base_digests(),
            Self::Foreign(decoder) => decoder.base_digests(),
        }
    }

    fn held(&self) -> &[Held] {
        match self {
            Self::Own(decoder) => decoder.held(),
            Self::Foreign(_) => &[],
        }
    }

    fn base_checksums(&self) -> &[BaseChecksum] {
        match self {
            Self::Own(decoder) => decoder.base_checksums(),
            Self::Foreign(decoder) => decoder.base_checksums(),
        }
    }

    fn ascend(&self) -> bool {
        match self {
            Self::Own(decoder) => decoder.ascend(),
            Self::Foreign(decoder) => decoder.ascend(),
        }
    }

    fn next_record(&mut self) -> Result<Option<Record<'_>>> {
        match self {
            Self::Own(decoder) => decoder.next_record(),
            Self::Foreign(decoder) => decoder.next_record(),
        }
    }

    fn totals(&self) -> Totals {
        match self {
            Self::Own(decoder) => decoder.totals(),
            Self::Foreign(decoder) => decoder.totals(),
        }
    }

    fn finish(&mut self) -> Result<Totals> {
        match self {
            Self::Own(decoder) => decoder.finish(),
            Self::Foreign(decoder) => decoder.finish(),
        }
    }
}
