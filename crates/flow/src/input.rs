//! [`Input`]: the stream's end that is read.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::time::Duration;

use crate::{Interrupt, thread};

/// How many blocks are read ahead, and their size in bytes.
const AHEAD: usize = 8;
const BLOCK: usize = 1 << 20;
const LOOK_UP: Duration = Duration::from_millis(50);

/// A reader that reads ahead on a thread of its own. A pipe can keep a reader waiting for ever;
/// here a signal ends the waiting.
pub struct Input {
    blocks: Receiver<io::Result<Block>>,
    block: Block,
    place: usize,
    /// Blocks go back to be filled again: fresh memory costs a page fault for every page of it.
    back: Sender<Box<[u8]>>,
    interrupt: Interrupt,
}

/// A buffer, and how much of it is filled; nothing is at the end.
#[derive(Default)]
struct Block {
    bytes: Box<[u8]>,
    length: usize,
}

impl Input {
    /// Begins to read `source`.
    ///
    /// # Errors
    /// Where no thread can be started for it.
    pub fn new(source: impl Read + Send + 'static, interrupt: &Interrupt) -> io::Result<Self> {
        let (sender, blocks) = sync_channel(AHEAD);
        let (back, emptied) = channel();
        // The thread is not joined: it may hang in a read that never ends, and holds nothing that
        // must be undone.
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

/// Memory for a block; an error, and no abort, where there is none.
fn new_block() -> io::Result<Box<[u8]>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(BLOCK)?;
    bytes.resize(BLOCK, 0);
    Ok(bytes.into())
}

/// One read's worth: what a pipe holds is passed on at once; an empty block is the end.
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
                // The thread ends after the end, which was handed out then.
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
