//! [`Interrupt`]: the stop flag of long work.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use blockio::ReadAt;
use nix::libc::{SIGINT, SIGTERM};

/// Says whether a signal asked this program to end. The signal handler does nothing else: running code
/// polls this flag and returns an error, so that every guard on the way is dropped.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    signal: Arc<AtomicUsize>,
}

/// The error with which interrupted work ends.
#[derive(Debug, thiserror::Error)]
#[error("interrupted by {0}")]
struct Interrupted(&'static str);

impl Interrupt {
    /// The number of the signal received, 0 if none: the signal handler sets it.
    pub fn signal(&self) -> &Arc<AtomicUsize> {
        &self.signal
    }

    /// True until a signal arrives.
    pub fn is_absent(&self) -> bool {
        self.signal.load(Ordering::Relaxed) == 0
    }

    /// Fails once a signal has arrived.
    ///
    /// # Errors
    /// If a signal has arrived.
    pub fn check(&self) -> io::Result<()> {
        let signal = self.signal.load(Ordering::Relaxed);
        let name = match i32::try_from(signal) {
            Ok(0) => return Ok(()),
            Ok(SIGINT) => "SIGINT",
            Ok(SIGTERM) => "SIGTERM",
            _ => "SIGHUP",
        };
        Err(io::Error::other(Interrupted(name)))
    }
}

/// Whether an error came from [`Interrupt::check`].
pub fn is_interruption(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let inner = cause.downcast_ref::<io::Error>().and_then(|error| error.get_ref());
        inner.is_some_and(|inner| inner.is::<Interrupted>())
    })
}

/// A source of bytes whose reads fail once a signal has arrived.
pub struct Interruptible<'a, R> {
    /// The source.
    pub source: R,
    /// The flag that is checked before each read.
    pub interrupt: &'a Interrupt,
}

impl<R: ReadAt> ReadAt for Interruptible<'_, R> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.interrupt.check()?;
        self.source.read_at(offset, buf)
    }

    fn will_read(&self, offset: u64, length: usize) {
        self.source.will_read(offset, length);
    }

    fn behind_hole(&self, offset: u64) -> io::Result<u64> {
        self.source.behind_hole(offset)
    }
}
