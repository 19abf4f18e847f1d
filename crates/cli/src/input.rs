//! [`Input`]: the stream's end that is read.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use crate::Interrupt;

/// How many blocks are read ahead, and their size in bytes.
const AHEAD: usize = 8;
const BLOCK: usize = 1 << 20;
const LOOK_UP: Duration = Duration::from_millis(50);

/// A reader that reads ahead on a thread of its own. A pipe can keep a reader waiting for ever;
/// here a signal ends the waiting.
pub struct Input {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: Vec<u8>,
    place: usize,
    interrupt: Interrupt,
}

impl Input {
    /// Begins to read `source`.
    pub fn new(source: impl Read + Send + 'static, interrupt: &Interrupt) -> Self {
        let (sender, blocks) = sync_channel(AHEAD);
        // The thread is not joined: it may hang in a read that never ends, and holds nothing that
        // must be undone.
        thread::spawn(move || {
            let mut source = source;
            loop {
                let block = read_block(&mut source);
                let last = !matches!(&block, Ok(block) if !block.is_empty());
                if sender.send(block).is_err() || last {
                    return;
                }
            }
        });
        Self { blocks, block: Vec::new(), place: 0, interrupt: interrupt.clone() }
    }
}

/// One read's worth: what a pipe holds is passed on at once; an empty block is the end.
fn read_block(source: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut block = vec![0; BLOCK];
    loop {
        match source.read(&mut block) {
            Ok(length) => {
                block.truncate(length);
                return Ok(block);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl Read for Input {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.place == self.block.len() {
            self.interrupt.check()?;
            match self.blocks.recv_timeout(LOOK_UP) {
                Ok(block) => {
                    (self.block, self.place) = (block?, 0);
                    if self.block.is_empty() {
                        return Ok(0);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                // The thread ends after the end, which was handed out then.
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            }
        }
        let rest = &self.block[self.place..];
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
        let mut input = Input::new(io::Cursor::new(bytes.clone()), &Interrupt::default());
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
        let error = Input::new(Failing, &Interrupt::default()).read(&mut [0]).unwrap_err();
        assert_eq!(error.to_string(), "broken");
    }
}
