//! [`Session`]: what every stage of a run is handed.

use std::time::{Instant, SystemTime};

use crate::{Interrupt, Progress};

/// A run: when it stops, who is told how far it has come, and what time it is.
pub struct Session<'a> {
    /// Asked between any two pieces of work.
    pub interrupt: &'a Interrupt,
    /// Told of long work.
    pub progress: &'a dyn Progress,
    /// When the run began.
    pub begun: Instant,
    /// The time that streams are stamped with, in seconds since 1970.
    pub clock: fn() -> u64,
}

impl<'a> Session<'a> {
    /// A run that begins now, by the system's clock.
    pub fn new(interrupt: &'a Interrupt, progress: &'a dyn Progress) -> Self {
        Self { interrupt, progress, begun: Instant::now(), clock: system_clock }
    }

    /// Whether to wait on for a lock or a device: until the interrupt comes.
    pub fn keep_waiting(&self) -> bool {
        self.interrupt.is_absent()
    }
}

fn system_clock() -> u64 {
    // Before 1970 only where the clock was never set.
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
