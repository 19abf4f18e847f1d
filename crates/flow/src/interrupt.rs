//! [`Interrupt`]: the stop flag of long work.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use blockio::ReadAt;
use nix::libc::{SIGINT, SIGTERM};

/// Says whether a signal asked this program to end. The signal itself does nothing more: the code at work
/// asks here, and leaves by an error, so that every guard on the way is undone.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    signal: Arc<AtomicUsize>,
}

/// The error with which interrupted work ends.
#[derive(Debug, thiserror::Error)]
#[error("interrupted by {0}")]
struct Interrupted(&'static str);

impl Interrupt {
    /// The number of the signal that has come, 0 before: what catches signals sets it.
    pub fn signal(&self) -> &Arc<AtomicUsize> {
        &self.signal
    }

    /// True until a signal has come.
    pub fn is_absent(&self) -> bool {
        self.signal.load(Ordering::Relaxed) == 0
    }

    /// An error once a signal has come.
    ///
    /// # Errors
    /// That one.
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

/// Whether an error is one of [`Interrupt::check`].
pub fn is_interruption(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let inner = cause.downcast_ref::<io::Error>().and_then(|error| error.get_ref());
        inner.is_some_and(|inner| inner.is::<Interrupted>())
    })
}

/// A source of bytes whose reads fail once a signal has come.
pub struct Interruptible<'a, R> {
    /// The source.
    pub source: R,
    /// Who knows of the signal.
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
