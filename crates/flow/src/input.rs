//! [`Input`]: the reading end of a stream.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::time::Duration;

use crate::{Interrupt, thread};

/// How many blocks are read ahead, and their size in bytes.
const AHEAD: usize = 8;
const BLOCK: usize = 1 << 20;
const LOOK_UP: Duration = Duration::from_millis(50);

/// A reader that reads ahead on its own thread. A pipe can keep a reader waiting forever;
/// here a signal ends the wait.
pub struct Input {
    blocks: Receiver<io::Result<Block>>,
    block: Block,
    place: usize,
    /// Blocks go back to be refilled: fresh memory costs a page fault per page.
    back: Sender<Box<[u8]>>,
    interrupt: Interrupt,
}

/// A buffer, and how much of it is filled; an empty one marks the end.
#[derive(Default)]
struct Block {
    bytes: Box<[u8]>,
    length: usize,
}

impl Input {
    /// Starts reading `source`.
    ///
    /// # Errors
    /// If its thread cannot be started.
    pub fn new(source: impl Read + Send + 'static, interrupt: &Interrupt) -> io::Result<Self> {
        let (sender, blocks) = sync_channel(AHEAD);
        let (back, emptied) = channel();
        // The thread is not joined: it may hang in a read that never ends, and it holds nothing that
        // needs cleaning up.
        thread::start("reading the input", move || {
            let mut source = source;
            loop {
                let bytes = emptied.try_recv().map_or_else(|_| new_block(), Ok);
                let block = bytes.and_then(|bytes| read_block(&mut source, bytes));
                let last = !matches!(&block, Ok(block) if block.length > 0);
                if sender.send(block).is_err() || last {
                    return;
                }
            }
        })?;
        let interrupt = interrupt.clone();
        Ok(Self { blocks, block: Block::default(), place: 0, back, interrupt })
    }
}

/// Allocates a block; returns an error instead of aborting if there is no memory.
fn new_block() -> io::Result<Box<[u8]>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(BLOCK)?;
    bytes.resize(BLOCK, 0);
    Ok(bytes.into())
}

/// Does one read, so that what a pipe holds is passed on at once; an empty block is the end.
fn read_block(source: &mut impl Read, mut bytes: Box<[u8]>) -> io::Result<Block> {
    loop {
        match source.read(&mut bytes) {
            Ok(length) => return Ok(Block { bytes, length }),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl Read for Input {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.place == self.block.length {
            self.interrupt.check()?;
            match self.blocks.recv_timeout(LOOK_UP) {
                Ok(block) => {
                    let emptied = std::mem::replace(&mut self.block, block?);
                    self.place = 0;
                    if !emptied.bytes.is_empty() {
                        _ = self.back.send(emptied.bytes); // it is not missed where nobody reads
                    }
                    if self.block.length == 0 {
                        return Ok(0);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                // The thread exits after the end, which has been handed out by then.
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            }
        }
        let rest = &self.block.bytes[self.place..self.block.length];
        let length = rest.len().min(buf.len());
        buf[..length].copy_from_slice(&rest[..length]);
        self.place += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_arrives_in_order() {
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|place| (place / 7) as u8).collect();
        let mut input = Input::new(io::Cursor::new(bytes.clone()), &Interrupt::default()).unwrap();
        let mut read = Vec::new();
        input.read_to_end(&mut read).unwrap();
        assert!(read == bytes);
        assert_eq!(input.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn an_error_of_the_source_arrives() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let mut input = Input::new(Failing, &Interrupt::default()).unwrap();
        let error = input.read(&mut [0]).unwrap_err();
        assert_eq!(error.to_string(), "broken");
    }
}
