//! [`Output`]: the stream's end that is written.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use sha1::{Digest, Sha1};

use crate::Interrupt;

const AHEAD: usize = 8;
const BLOCK: usize = 1 << 20;
const LOOK_UP: Duration = Duration::from_millis(1);

/// A writer that writes, and computes the SHA-1 of all of it, on a thread of its own. A pipe can
/// keep a writer waiting for ever; here a signal ends the waiting.
pub struct Output<W> {
    blocks: Option<SyncSender<Vec<u8>>>,
    writer: Option<JoinHandle<io::Result<(W, Written)>>>,
    block: Vec<u8>,
    interrupt: Interrupt,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// How many bytes.
    pub bytes: u64,
    /// Their SHA-1, in hexadecimal digits.
    pub sha1: String,
}

impl<W: Write + Send + 'static> Output<W> {
    /// Begins to write to `target`.
    pub fn new(target: W, interrupt: &Interrupt) -> Self {
        let (sender, blocks) = sync_channel(AHEAD);
        let writer = thread::spawn(move || write_all(target, &blocks));
        Self {
            blocks: Some(sender),
            writer: Some(writer),
            block: Vec::with_capacity(BLOCK),
            interrupt: interrupt.clone(),
        }
    }

    /// Waits until everything has been written and flushed; gives the target back.
    ///
    /// # Errors
    /// The target's, or that of a signal.
    pub fn finish(mut self) -> io::Result<(W, Written)> {
        self.send()?;
        self.blocks = None;
        // The other side of the pipe may never read on: look up in between.
        while self.writer.as_ref().is_some_and(|writer| !writer.is_finished()) {
            self.interrupt.check()?;
            thread::sleep(LOOK_UP);
        }
        self.join()
    }

    fn send(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let mut block = std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK));
        loop {
            self.interrupt.check()?;
            let Some(blocks) = &self.blocks else { return self.failure() };
            match blocks.try_send(block) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(back)) => block = back,
                Err(TrySendError::Disconnected(_)) => return self.failure(),
            }
            thread::sleep(LOOK_UP);
        }
    }

    /// The writer has gone: its error is the reason.
    fn failure(&mut self) -> io::Result<()> {
        self.blocks = None;
        self.join()?;
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn join(&mut self) -> io::Result<(W, Written)> {
        let Some(writer) = self.writer.take() else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        writer.join().unwrap_or_else(|_| Err(io::Error::other("the writing thread panicked")))
    }
}

impl<W: Write + Send + 'static> Write for Output<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let length = buf.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&buf[..length]);
        if self.block.len() == BLOCK {
            self.send()?;
        }
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

fn write_all<W: Write>(mut target: W, blocks: &Receiver<Vec<u8>>) -> io::Result<(W, Written)> {
    let mut sha1 = Sha1::new();
    let mut bytes = 0;
    for block in blocks {
        sha1.update(&block);
        bytes += block.len() as u64;
        target.write_all(&block)?;
    }
    target.flush()?;
    let sha1 = sha1.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((target, Written { bytes, sha1 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_written_and_summed() {
        let mut output = Output::new(Vec::new(), &Interrupt::default());
        for piece in [&b"a"[..], b"bc", &[7; 2_500_000]] {
            output.write_all(piece).unwrap();
        }
        let (target, written) = output.finish().unwrap();
        assert_eq!(target.len(), 2_500_003);
        assert_eq!(written.bytes, 2_500_003);
        assert_eq!(&target[..4], b"abc\x07");

        let mut output = Output::new(Vec::new(), &Interrupt::default());
        output.write_all(b"abc").unwrap();
        // FIPS 180's own example.
        let sha1 = "a9993e364706816aba3e25717850c26c9cd0d89d";
        assert_eq!(output.finish().unwrap().1.sha1, sha1);
    }

    #[test]
    fn a_reader_that_goes_away_is_an_error() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut output = Output::new(Closed, &Interrupt::default());
        let written = output.write_all(&vec![0; 32 << 20]);
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
