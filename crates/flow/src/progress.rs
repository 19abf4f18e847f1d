//! [`Progress`]: who is told how far work has come.

/// Shows how far work has come, or does not: a bar on a terminal, lines of a log, nothing.
pub trait Progress: Sync {
    /// Another piece of work begins, which is done after `bytes`.
    fn begin(&self, what: &'static str, bytes: u64) -> Box<dyn Task>;
}

/// A piece of work that is under way; it ends with this value.
pub trait Task: Sync {
    /// Another `bytes` are done.
    fn add(&self, bytes: u64);
}

/// Shows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl Progress for Quiet {
    fn begin(&self, _what: &'static str, _bytes: u64) -> Box<dyn Task> {
        Box::new(Self)
    }
}

impl Task for Quiet {
    fn add(&self, _bytes: u64) {}
}
