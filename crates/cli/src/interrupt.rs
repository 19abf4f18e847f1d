//! [`Interrupt`]: whether a signal asked this program to end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use blockio::ReadAt;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};

/// Says whether SIGINT, SIGTERM or SIGHUP has come. The signal itself does nothing more: whoever
/// is at work asks here, and leaves by an error, so that every guard on the way is undone.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    signal: Arc<AtomicUsize>,
}

/// The error with which interrupted work ends.
#[derive(Debug, thiserror::Error)]
#[error("interrupted by {0}")]
struct Interrupted(&'static str);

impl Interrupt {
    /// Catches the signals from now on. One that was ignored when the program started, as nohup(1)
    /// has it, stays ignored. SIGXFSZ is caught too, and asks for nothing: the write that it comes
    /// with, past the limit of `ulimit -f`, fails then.
    ///
    /// # Errors
    /// Where the system refuses to.
    pub fn catch_signals() -> io::Result<Self> {
        let interrupt = Self::default();
        let ignored = ignored_signals(&std::fs::read_to_string("/proc/self/status")?);
        let is_ignored = |signal: i32| ignored & 1 << (signal - 1) != 0;
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            if is_ignored(signal) {
                continue;
            }
            let number = signal.unsigned_abs() as usize;
            signal_hook::flag::register_usize(signal, Arc::clone(&interrupt.signal), number)?;
        }
        if !is_ignored(SIGXFSZ) {
            // Not ignored: LVM's commands would inherit that.
            signal_hook::flag::register(SIGXFSZ, Arc::default())?;
        }
        Ok(interrupt)
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

/// The signals that are ignored, as bits of which the lowest is signal 1 (proc_pid_status(5),
/// SigIgn); none where the text does not say.
fn ignored_signals(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_hexadecimal() {
        let status = "Name:\tlvdiff\nSigBlk:\t0000000000000002\nSigIgn:\t0000000000001001\n";
        assert_eq!(
            ignored_signals(status),
            1 << (SIGHUP - 1) | 1 << (signal_hook::consts::SIGPIPE - 1)
        );
        assert_eq!(ignored_signals("SigIgn:\tffffffffffffffff\n"), u64::MAX);
        assert_eq!(ignored_signals("Name:\tlvdiff\n"), 0);
    }
}
