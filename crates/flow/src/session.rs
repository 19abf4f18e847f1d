//! [`Session`]: what every stage of a run is given.

use std::time::{Instant, SystemTime};

use crate::{Interrupt, Progress};

/// A run: its stop flag, its progress, and its clock.
pub struct Session<'a> {
    /// Checked between steps.
    pub interrupt: &'a Interrupt,
    /// Where long work is reported.
    pub progress: &'a dyn Progress,
    /// When the run began.
    pub begun: Instant,
    /// The time that streams are stamped with, in seconds since 1970.
    pub clock: fn() -> u64,
}

impl<'a> Session<'a> {
    /// A run that begins now, with the system clock.
    pub fn new(interrupt: &'a Interrupt, progress: &'a dyn Progress) -> Self {
        Self { interrupt, progress, begun: Instant::now(), clock: system_clock }
    }

    /// Whether to keep waiting for a lock or a device: true until interrupted.
    pub fn keep_waiting(&self) -> bool {
        self.interrupt.is_absent()
    }
}

fn system_clock() -> u64 {
    // Before 1970 only if the clock was never set.
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
