//! [`Progress`]: where work reports how far it has come.

/// Shows how far work has come, or does not: a bar on a terminal, lines of a log, nothing.
pub trait Progress: Sync {
    /// A new task begins, which is done after `bytes`.
    fn begin(&self, what: &'static str, bytes: u64) -> Box<dyn Task>;
}

/// A task in progress; it ends when this value is dropped.
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
