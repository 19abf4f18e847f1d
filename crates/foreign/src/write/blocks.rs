//! [`Filler`]: cuts content, which comes in records of any length, into a format's own blocks.

use std::io::Write;
use std::sync::LazyLock;

use crate::Result;
use hyperlayer::{Error, Record, Totals};

/// How a format frames its blocks.
pub(super) trait Blocks {
    /// The block that begins at `offset`: its length, and what is written before its content.
    fn begin(&mut self, offset: u64) -> Result<(u64, Vec<u8>)>;

    /// What is written after a block's content.
    const TAIL: &'static [u8];
}

/// What a range holds.
enum Content<'a> {
    Bytes(&'a [u8]),
    Zeros(u64),
}

/// Fills blocks one after another, each completely.
pub(super) struct Filler<W, B> {
    pub(super) output: W,
    pub(super) blocks: B,
    /// The records so far.
    pub(super) totals: Totals,
    /// How far the open block is filled, and where it ends; equal if none is open.
    at: u64,
    end: u64,
}

/// As many zeros as are written at once. They are made when they are needed: the programs need not carry them.
static ZEROS: LazyLock<Vec<u8>> = LazyLock::new(|| vec![0; 64 << 10]);

impl<W: Write, B: Blocks> Filler<W, B> {
    pub(super) fn new(output: W, blocks: B) -> Self {
        Self { output, blocks, totals: Totals::default(), at: 0, end: 0 }
    }

    /// Writes the bytes at `offset`.
    pub(super) fn data(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.totals.add(&Record::Data { offset, bytes });
        self.fill(offset, Content::Bytes(bytes))
    }

    /// Writes zeros.
    pub(super) fn zero(&mut self, offset: u64, length: u64) -> Result<()> {
        self.totals.add(&Record::Zero { offset, length });
        self.fill(offset, Content::Zeros(length))
    }

    /// Writes the content at `offset`: as many blocks as it fills, the last one perhaps in part.
    fn fill(&mut self, offset: u64, mut content: Content<'_>) -> Result<()> {
        if offset < self.end && offset != self.at {
            return Err(Error::Invalid(format!(
                "content for offset {offset}, but offset {} is next",
                self.at
            )));
        }
        let mut place = offset;
        while !content.is_empty() {
            if self.at == self.end {
                let (length, head) = self.blocks.begin(place)?;
                let end = place.checked_add(length).filter(|_| length > 0);
                self.end = end.ok_or_else(|| {
                    Error::Invalid(format!("a block of {length} bytes at offset {place}"))
                })?;
                self.at = place;
                self.output.write_all(&head)?;
            } else if place != self.at {
                return Err(self.not_filled());
            }
            let length = content.write_some(self.end.saturating_sub(self.at), &mut self.output)?;
            self.at = self.at.saturating_add(length);
            place = self.at;
            if self.at == self.end {
                self.output.write_all(B::TAIL)?;
            }
        }
        Ok(())
    }

    /// Checks that no block is left open.
    pub(super) fn check_filled(&self) -> Result<()> {
        match self.at == self.end {
            true => Ok(()),
            false => Err(self.not_filled()),
        }
    }

    fn not_filled(&self) -> Error {
        Error::Invalid(format!(
            "nothing for offset {}, within a block that ends at {}",
            self.at, self.end
        ))
    }
}

impl Content<'_> {
    fn is_empty(&self) -> bool {
        match self {
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::Zeros(length) => *length == 0,
        }
    }

    /// Writes and removes up to `most` bytes of the content; yields how many.
    fn write_some(&mut self, most: u64, output: &mut impl Write) -> Result<u64> {
        match self {
            Self::Bytes(bytes) => {
                let most = usize::try_from(most).unwrap_or(usize::MAX);
                let (now, later) = bytes.split_at(most.min(bytes.len()));
                output.write_all(now)?;
                *bytes = later;
                Ok(now.len() as u64)
            }
            Self::Zeros(length) => {
                let most = most.min(*length).min(ZEROS.len() as u64);
                output.write_all(&ZEROS[..most as usize])?;
                *length = length.saturating_sub(most);
                Ok(most)
            }
        }
    }
}
