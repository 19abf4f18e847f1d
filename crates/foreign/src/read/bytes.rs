//! [`Bytes`]: the bytes of another tool's stream, counted as they are read.

use std::io::{self, Read};

use super::change::{Change, What};
use super::said::MOST;
use crate::Result;
use hyperlayer::{Error, MAX_RECORD, SECTOR};

/// The input, and what every range in it is checked against.
pub(crate) struct Bytes<R> {
    input: R,
    /// Bytes that were read to recognize the format.
    first: io::Cursor<Vec<u8>>,
    /// How many bytes have been read.
    at: u64,
    /// No range may go beyond this, in bytes.
    pub(crate) size: u64,
}

impl<R: Read> Bytes<R> {
    /// A source whose `first` bytes have already been read from `input`.
    pub(crate) fn new(first: Vec<u8>, input: R) -> Self {
        Self { input, first: io::Cursor::new(first), at: 0, size: MOST }
    }

    /// Returns the next bytes without consuming them: `most` of them, or what is left before the end.
    pub(crate) fn peek(&mut self, most: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; most];
        let length = self.fill(&mut bytes)?;
        bytes.truncate(length);
        self.at = self.at.saturating_sub(length as u64);
        // Bytes that were put back before and not read since come after these.
        let place = self.first.position() as usize;
        let rest = self.first.get_ref().get(place..).unwrap_or_default();
        self.first = io::Cursor::new([&bytes[..], rest].concat());
        Ok(bytes)
    }

    /// How many bytes have been read.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Reads until `buf` is full or the input ends; yields how much was read.
    pub(crate) fn fill(&mut self, buf: &mut [u8]) -> Result<usize> {
        let mut filled: usize = 0;
        while let Some(rest) = buf.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.read(rest) {
                Ok(0) => break,
                Ok(length) => filled = filled.saturating_add(length),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The reader that checks the checksum reports damage itself.
                Err(error) => return Err(error.downcast::<Error>().unwrap_or_else(Error::Io)),
            }
        }
        Ok(filled)
    }

    /// Fills all of `buf`; `inside` says what it is part of.
    pub(crate) fn fill_whole(&mut self, buf: &mut [u8], inside: &'static str) -> Result<()> {
        let length = buf.len();
        match self.fill(buf)? {
            filled if filled == length => Ok(()),
            _ => Err(Error::Cut { at: self.at, inside }),
        }
    }

    /// Fills all of `buf`, or nothing if the input has ended.
    pub(crate) fn fill_or_end(&mut self, buf: &mut [u8], inside: &'static str) -> Result<bool> {
        let length = buf.len();
        match self.fill(buf)? {
            0 => Ok(false),
            filled if filled == length => Ok(true),
            _ => Err(Error::Cut { at: self.at, inside }),
        }
    }

    /// The next line without its line feed, of at most `most` bytes; `None` if the input has ended.
    pub(crate) fn line(&mut self, most: usize, inside: &'static str) -> Result<Option<Vec<u8>>> {
        let (begin, mut line, mut byte) = (self.at, Vec::new(), [0]);
        while self.fill(&mut byte)? == 1 {
            if byte == *b"\n" {
                return Ok(Some(line));
            }
            if line.len() == most {
                return Err(damaged(begin, format!("{inside}: more than {most} bytes in a line")));
            }
            line.extend(byte);
        }
        match line.is_empty() {
            true => Ok(None),
            false => Err(Error::Cut { at: self.at, inside }),
        }
    }

    /// Checks that the input ends here.
    pub(crate) fn expect_end(&mut self) -> Result<()> {
        match self.fill(&mut [0])? {
            0 => Ok(()),
            _ => Err(damaged(self.at, "there is more input after the stream's end".into())),
        }
    }

    /// Skips `length` bytes.
    pub(crate) fn skip(&mut self, mut length: u64, inside: &'static str) -> Result<()> {
        let mut room = [0; 4096];
        while length > 0 {
            let piece = length.min(room.len() as u64);
            self.fill_whole(&mut room[..piece as usize], inside)?;
            length = length.saturating_sub(piece);
        }
        Ok(())
    }

    /// Checks a range, which is named at `at` in the input, against the volume.
    pub(crate) fn check_range(&self, at: u64, offset: u64, length: u64) -> Result<()> {
        let whole = offset.is_multiple_of(SECTOR) && length.is_multiple_of(SECTOR) && length > 0;
        match offset.checked_add(length) {
            Some(end) if whole && end <= self.size => Ok(()),
            Some(end) if whole && self.size < MOST => Err(damaged(
                at,
                format!(
                    "{length} bytes at offset {offset} end at {end}, after the volume's end at {}",
                    self.size
                ),
            )),
            _ => Err(damaged(
                at,
                format!(
                    "{length} bytes at offset {offset}: expected a range of whole sectors in a \
                     volume"
                ),
            )),
        }
    }
}

impl<R: Read> Read for Bytes<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let length = match self.first.read(buf)? {
            0 => self.input.read(buf)?,
            length => length,
        };
        self.at = self.at.saturating_add(length as u64);
        Ok(length)
    }
}

/// Data of a range that has not been read yet, handed out in pieces.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pending {
    offset: u64,
    left: u64,
}

impl Pending {
    /// The data of a range that has been checked.
    pub(crate) fn new(offset: u64, length: u64) -> Self {
        Self { offset, left: length }
    }

    pub(crate) fn is_empty(self) -> bool {
        self.left == 0
    }

    /// Reads the next piece, if there is one.
    pub(crate) fn next(
        &mut self,
        source: &mut Bytes<impl Read>,
        buf: &mut Vec<u8>,
        inside: &'static str,
    ) -> Result<Option<Change>> {
        let Some(change) = self.piece() else { return Ok(None) };
        buf.resize(change.length as usize, 0);
        source.fill_whole(buf, inside)?;
        Ok(Some(change))
    }

    /// The range of the next piece.
    pub(crate) fn piece(&mut self) -> Option<Change> {
        let length = self.left.min(MAX_RECORD as u64);
        if length == 0 {
            return None;
        }
        let change = Change { what: What::Data, offset: self.offset, length };
        self.offset = self.offset.saturating_add(length);
        self.left = self.left.saturating_sub(length);
        Some(change)
    }
}

/// The error for a byte at `at` that is not what it must be.
pub(crate) fn damaged(at: u64, reason: String) -> Error {
    Error::Damaged { at, reason }
}

/// Big-endian numbers from the front of a header, one after another.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl Fields<'_> {
    /// The next `N` bytes; zeros if there are no more.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk() {
            Some((field, rest)) => {
                self.0 = rest;
                *field
            }
            None => [0; N],
        }
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.bytes())
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.bytes())
    }
}
