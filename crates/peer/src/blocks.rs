//! A stream in blocks, among messages.

use std::io::{self, Read, Write};

/// How much is gathered before it is sent, in bytes; the longest block that is read.
const BLOCK: usize = 256 << 10;
/// In place of a length: the end, and that the sender gives up.
const END: u32 = 0;
const GIVEN_UP: u32 = u32::MAX;

/// The error of a reader whose sender gave up.
#[derive(Debug, thiserror::Error)]
#[error("the sender gave up")]
struct GivenUp;

/// Whether an error is the sender's giving up.
pub fn is_given_up(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<GivenUp>())
}

/// Writes a stream as blocks, each with its length before it.
pub struct BlockWriter<W, F> {
    to: W,
    goes_on: F,
    block: Vec<u8>,
}

impl<W: Write, F: FnMut() -> bool> BlockWriter<W, F> {
    /// Writes to `to`, as long as `goes_on` says so.
    pub fn new(to: W, goes_on: F) -> Self {
        Self { to, goes_on, block: Vec::with_capacity(BLOCK) }
    }

    /// Says that this was all; yields what was written to.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.send()?;
        self.end(END)?;
        Ok(self.to)
    }

    /// Says that the rest does not come; yields what was written to.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn give_up(mut self) -> io::Result<W> {
        self.end(GIVEN_UP)?;
        Ok(self.to)
    }

    fn end(&mut self, mark: u32) -> io::Result<()> {
        self.to.write_all(&mark.to_le_bytes())?;
        self.to.flush()
    }

    fn send(&mut self) -> io::Result<()> {
        if !(self.goes_on)() {
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, "the other side has stopped"));
        }
        if self.block.is_empty() {
            return Ok(());
        }
        // No more than BLOCK bytes.
        let length = self.block.len() as u32;
        self.to.write_all(&length.to_le_bytes())?;
        self.to.write_all(&self.block)?;
        self.block.clear();
        Ok(())
    }
}

impl<W: Write, F: FnMut() -> bool> Write for BlockWriter<W, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.block.len() == BLOCK {
            self.send()?;
        }
        let length = bytes.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&bytes[..length]);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()?;
        self.to.flush()
    }
}

/// Reads what a [`BlockWriter`] writes, and not a byte more. It ends with an error if the sender gives up or
/// the connection breaks.
pub struct BlockReader<R> {
    from: R,
    left: usize,
    has_ended: bool,
}

impl<R: Read> BlockReader<R> {
    /// Reads from `from`.
    pub fn new(from: R) -> Self {
        Self { from, left: 0, has_ended: false }
    }

    /// Reads the rest and ignores it, so that a message can follow.
    ///
    /// # Errors
    /// If the connection breaks; that the sender gave up is no error here.
    pub fn drain(&mut self) -> io::Result<()> {
        match io::copy(self, &mut io::sink()) {
            Err(error) if is_given_up(&error) => Ok(()),
            done => done.map(drop),
        }
    }
}

impl<R: Read> Read for BlockReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.has_ended || buf.is_empty() {
            return Ok(0);
        }
        if self.left == 0 {
            let mut length = [0; 4];
            self.from.read_exact(&mut length)?;
            match u32::from_le_bytes(length) {
                END => {
                    self.has_ended = true;
                    return Ok(0);
                }
                GIVEN_UP => {
                    self.has_ended = true;
                    return Err(io::Error::other(GivenUp));
                }
                length if length as usize > BLOCK => {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        format!("a block of {length} bytes, expected at most {BLOCK}"),
                    ));
                }
                length => self.left = length as usize,
            }
        }
        let most = self.left.min(buf.len());
        let read = self.from.read(&mut buf[..most])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn blocks(pieces: &[Vec<u8>], finishes: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = BlockWriter::new(&mut bytes, || true);
        pieces.iter().for_each(|piece| writer.write_all(piece).unwrap());
        match finishes {
            true => _ = writer.finish().unwrap(),
            false => _ = writer.give_up().unwrap(),
        }
        bytes
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_nothing_after_it(
            lengths in prop::collection::vec(0_usize..600_000, 0..4),
            rest in prop::collection::vec(any::<u8>(), 0..9),
        ) {
            let pieces: Vec<Vec<u8>> = lengths.iter().map(|&length| vec![length as u8; length]).collect();
            let mut bytes = blocks(&pieces, true);
            bytes.extend(&rest);
            let mut from = bytes.as_slice();
            let mut read = Vec::new();
            BlockReader::new(&mut from).read_to_end(&mut read).unwrap();
            prop_assert!(read == pieces.concat());
            prop_assert_eq!(from, rest);
        }

        #[test]
        fn a_stream_that_is_cut_is_never_taken_for_a_whole_one(cut in 0_usize..300_013) {
            let bytes = blocks(&[vec![7; 300_000]], true);
            prop_assume!(cut < bytes.len());
            let read = BlockReader::new(&bytes[..cut]).read_to_end(&mut Vec::new());
            prop_assert_eq!(read.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    #[test]
    fn a_sender_that_gives_up_is_an_error_and_messages_follow() {
        let mut bytes = blocks(&[vec![1; 1000]], false);
        bytes.push(b'x');
        let mut from = bytes.as_slice();
        let mut reader = BlockReader::new(&mut from);
        let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
        assert!(is_given_up(&error), "{error}");
        reader.drain().unwrap();
        assert_eq!(from, b"x");
    }

    #[test]
    fn lengths_are_not_trusted() {
        let bytes = (BLOCK as u32 + 1).to_le_bytes();
        let error = BlockReader::new(&bytes[..]).read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_writer_stops_when_it_is_told_to() {
        let mut goes_on = true;
        let mut writer = BlockWriter::new(Vec::new(), || std::mem::replace(&mut goes_on, false));
        writer.write_all(&vec![0; BLOCK]).unwrap();
        writer.flush().unwrap();
        writer.write_all(&[0]).unwrap();
        assert_eq!(writer.flush().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
