//! [`Output`]: the writing end of a stream.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use sha1::{Digest, Sha1};

use crate::{Interrupt, human, thread};

const AHEAD: usize = 8;
const BLOCK: usize = 1 << 20;
const LOOK_UP: Duration = Duration::from_millis(1);

/// What an [`Output`] does besides writing.
#[derive(Clone, Copy, Debug, Default)]
pub struct OutputOptions {
    /// Compute the SHA-1 of what is written.
    pub sha1: bool,
    /// Write at most this many bytes per second.
    pub bytes_per_second: Option<u64>,
}

/// A writer that writes on its own thread, and computes the SHA-1 of everything on another. A
/// pipe can keep a writer waiting forever; here a signal ends the wait.
pub struct Output<W> {
    threads: Option<Threads<W>>,
    block: Vec<u8>,
    idle: Arc<Mutex<Vec<Vec<u8>>>>,
    bytes: u64,
    interrupt: Interrupt,
    /// Nobody waits for the writer any more: its thread exits, which leaves room for the processes of the
    /// cleanup after a run.
    given_up: Arc<AtomicBool>,
}

/// A block on its way to the threads that use it. The last of them returns its memory for reuse:
/// fresh memory costs a page fault per page.
struct Block {
    bytes: Vec<u8>,
    idle: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Drop for Block {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        self.idle.lock().expect("nobody panics with it").push(bytes);
    }
}

struct Threads<W> {
    to_writer: SyncSender<Arc<Block>>,
    writer: JoinHandle<io::Result<W>>,
    sha1: Option<(SyncSender<Arc<Block>>, JoinHandle<String>)>,
}

/// Why not all could be written: the cause of an [`io::Error`] of an [`Output`], with its kind.
#[derive(Debug, thiserror::Error)]
#[error("{}", after(*.written))]
pub struct Unwritten {
    /// How many bytes were written before.
    pub written: u64,
    /// What failed then.
    #[source]
    pub error: io::Error,
}

fn after(written: u64) -> String {
    match written {
        0 => "nothing was written".into(),
        written => format!("after {}", human(written)),
    }
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// How many bytes.
    pub bytes: u64,
    /// Their SHA-1, in hexadecimal digits, if it was requested.
    pub sha1: Option<String>,
}

impl<W: Write + Send + 'static> Output<W> {
    /// Starts writing to `target`.
    ///
    /// # Errors
    /// If its threads cannot be started, or there is no memory.
    pub fn new(target: W, options: OutputOptions, interrupt: &Interrupt) -> io::Result<Self> {
        let block = new_block()?;
        // First the thread that ends by itself if the other one cannot be started.
        let sha1 = options.sha1.then(|| {
            let (sender, blocks) = sync_channel(AHEAD);
            let sha1 = thread::start("the SHA-1 of the output", move || sha1_of(&blocks))?;
            io::Result::Ok((sender, sha1))
        });
        let sha1 = sha1.transpose()?;
        let (to_writer, blocks) = sync_channel(AHEAD);
        let (rate, given_up) = (options.bytes_per_second, Arc::default());
        let gone = Arc::clone(&given_up);
        let writer =
            thread::start("writing the output", move || write_all(target, &blocks, rate, &gone))?;
        Ok(Self {
            threads: Some(Threads { to_writer, writer, sha1 }),
            block,
            idle: Arc::default(),
            bytes: 0,
            interrupt: interrupt.clone(),
            given_up,
        })
    }

    /// Waits until everything has been written and flushed; returns the target.
    ///
    /// # Errors
    /// If the target cannot be written, or a signal arrived.
    pub fn finish(mut self) -> io::Result<(W, Written)> {
        self.send()?;
        let threads = self.threads.take().ok_or(io::ErrorKind::BrokenPipe)?;
        drop(threads.to_writer);
        // The other side of the pipe may never read again: check for a signal in between.
        while !threads.writer.is_finished() {
            self.interrupt.check()?;
            sleep(LOOK_UP);
        }
        let target = joined(threads.writer)??;
        let sha1 = match threads.sha1 {
            None => None,
            Some((sender, thread)) => {
                drop(sender);
                Some(joined(thread)?)
            }
        };
        Ok((target, Written { bytes: self.bytes, sha1 }))
    }

    fn send(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let spare = self.idle.lock().expect("nobody panics with it").pop();
        let spare = spare.map_or_else(new_block, Ok)?;
        let bytes = std::mem::replace(&mut self.block, spare);
        let length = bytes.len() as u64;
        let block = Arc::new(Block { bytes, idle: Arc::clone(&self.idle) });
        let Some(threads) = &self.threads else { return Err(io::ErrorKind::BrokenPipe.into()) };
        let mut sent = self.send_to(&threads.to_writer, Arc::clone(&block))?;
        if let Some((to_sha1, _)) = &threads.sha1 {
            sent &= self.send_to(to_sha1, block)?;
        }
        if !sent && let Some(threads) = self.threads.take() {
            // The writer thread has exited: its error is the reason.
            drop(threads.to_writer);
            joined(threads.writer)??;
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.bytes += length;
        Ok(())
    }

    /// Waits for room; false if the thread has exited.
    fn send_to(&self, blocks: &SyncSender<Arc<Block>>, mut block: Arc<Block>) -> io::Result<bool> {
        loop {
            self.interrupt.check()?;
            match blocks.try_send(block) {
                Ok(()) => return Ok(true),
                Err(TrySendError::Full(back)) => block = back,
                Err(TrySendError::Disconnected(_)) => return Ok(false),
            }
            sleep(LOOK_UP);
        }
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

impl<W> Drop for Output<W> {
    fn drop(&mut self) {
        self.given_up.store(true, Ordering::Relaxed);
    }
}

/// Allocates a block; returns an error instead of aborting if there is no memory.
fn new_block() -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(BLOCK)?;
    Ok(bytes)
}

fn joined<T>(thread: JoinHandle<T>) -> io::Result<T> {
    thread.join().map_err(|_| io::Error::other("a thread of the output panicked"))
}

fn write_all<W: Write>(
    mut target: W,
    blocks: &Receiver<Arc<Block>>,
    bytes_per_second: Option<u64>,
    given_up: &AtomicBool,
) -> io::Result<W> {
    let mut throttle = bytes_per_second.map(Throttle::new);
    let mut written = 0;
    for block in blocks {
        let piece = throttle.as_ref().map_or(BLOCK, Throttle::piece);
        for piece in block.bytes.chunks(piece) {
            if given_up.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            write_piece(&mut target, piece, &mut written)?;
            if let Some(throttle) = &mut throttle {
                throttle.wait_after(piece.len());
            }
        }
    }
    target.flush().map_err(|error| unwritten(written, error))?;
    Ok(target)
}

/// Writes all of it, and counts what was written even if that fails.
fn write_piece(target: &mut impl Write, piece: &[u8], written: &mut u64) -> io::Result<()> {
    let mut rest = piece;
    while !rest.is_empty() {
        let count = match target.write(rest) {
            Ok(0) => return Err(unwritten(*written, io::ErrorKind::WriteZero.into())),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unwritten(*written, error)),
        };
        *written += count as u64;
        rest = &rest[count..];
    }
    Ok(())
}

fn unwritten(written: u64, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), Unwritten { written, error })
}

fn sha1_of(blocks: &Receiver<Arc<Block>>) -> String {
    let mut sha1 = Sha1::new();
    for block in blocks {
        sha1.update(&block.bytes);
    }
    sha1.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Limits the rate, averaged from the start.
struct Throttle {
    begun: Instant,
    bytes: u64,
    bytes_per_second: u64,
}

impl Throttle {
    fn new(bytes_per_second: u64) -> Self {
        Self { begun: Instant::now(), bytes: 0, bytes_per_second: bytes_per_second.max(1) }
    }

    /// How much to write at once: a twentieth of a second's worth.
    fn piece(&self) -> usize {
        (self.bytes_per_second / 20).clamp(512, BLOCK as u64) as usize
    }

    fn wait_after(&mut self, written: usize) {
        self.bytes += written as u64;
        let due = Duration::from_secs_f64(self.bytes as f64 / self.bytes_per_second as f64);
        sleep(due.saturating_sub(self.begun.elapsed()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA1: OutputOptions = OutputOptions { sha1: true, bytes_per_second: None };

    #[test]
    fn everything_is_written_and_summed() {
        let mut output =
            Output::new(Vec::new(), OutputOptions::default(), &Interrupt::default()).unwrap();
        for piece in [&b"a"[..], b"bc", &[7; 2_500_000]] {
            output.write_all(piece).unwrap();
        }
        let (target, written) = output.finish().unwrap();
        assert_eq!(target.len(), 2_500_003);
        assert_eq!(written, Written { bytes: 2_500_003, sha1: None });
        assert_eq!(&target[..4], b"abc\x07");

        let mut output = Output::new(Vec::new(), SHA1, &Interrupt::default()).unwrap();
        output.write_all(b"abc").unwrap();
        // FIPS 180's own example.
        let sha1 = "a9993e364706816aba3e25717850c26c9cd0d89d";
        assert_eq!(output.finish().unwrap().1.sha1.unwrap(), sha1);
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
        let mut output = Output::new(Closed, SHA1, &Interrupt::default()).unwrap();
        let written = output.write_all(&vec![0; 32 << 20]);
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn an_error_says_how_much_was_written() {
        /// Has room for this many bytes.
        struct Full(usize);
        impl Write for Full {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                let count = buf.len().min(self.0);
                self.0 -= count;
                if count == 0 { Err(io::Error::from_raw_os_error(28)) } else { Ok(count) }
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let error = |room| {
            let options = OutputOptions::default();
            let mut output = Output::new(Full(room), options, &Interrupt::default()).unwrap();
            let written = output.write_all(&[7; 3 << 20]).and_then(|()| output.finish().map(drop));
            let error = written.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
            crate::error_text(&error.into())
        };
        assert_eq!(error(1_572_865), "after 1.5 MiB: No space left on device");
        assert_eq!(error(1), "after 1 byte: No space left on device");
        assert_eq!(error(0), "nothing was written: No space left on device");
    }

    #[test]
    fn a_rate_is_a_lower_bound_of_the_time() {
        let begun = Instant::now();
        let options = OutputOptions { sha1: false, bytes_per_second: Some(1_000_000) };
        let mut output = Output::new(Vec::new(), options, &Interrupt::default()).unwrap();
        output.write_all(&[1; 200_000]).unwrap();
        assert_eq!(output.finish().unwrap().0.len(), 200_000);
        assert!(begun.elapsed() >= Duration::from_millis(199));
    }
}
