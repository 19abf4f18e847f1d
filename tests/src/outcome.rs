//! What came of a guest.

use std::fmt;
use std::time::Duration;

use anyhow::{Result, bail};

/// How a guest came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The scenario ran to its end, and this is its exit status.
    Exit(i32),
    /// The guest was killed because its time was over.
    TimedOut(Duration),
    /// The guest was killed on purpose, as by a power cut.
    PowerCut,
    /// The guest went away and left no status: its kernel or its set-up failed.
    Died,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(status) => write!(f, "the scenario ended with status {status}"),
            Self::TimedOut(limit) => write!(f, "the guest was not done after {limit:?}"),
            Self::PowerCut => f.write_str("the guest's power was cut"),
            Self::Died => f.write_str("the guest died and left no status"),
        }
    }
}

/// What a guest left. Its `Display` is made for a failing test: how it ended, and what it printed.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// What the scenario printed, both its streams.
    pub log: String,
    /// What the guest's kernel and user-mode Linux itself printed.
    pub console: String,
}

impl Outcome {
    /// An error that holds the whole outcome, unless the scenario ended with status 0.
    ///
    /// # Errors
    /// Every end but `End::Exit(0)`.
    pub fn success(&self) -> Result<()> {
        if self.end != End::Exit(0) {
            bail!("{self}");
        }
        Ok(())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.end)?;
        writeln!(f, "---- scenario ----\n{}", self.log.trim_end())?;
        writeln!(f, "---- kernel ----\n{}", self.console.trim_end())
    }
}
