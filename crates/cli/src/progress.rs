//! [`Progress`]: how far a run has come, on stderr, where that is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar that counts bytes; invisible where stderr is no terminal.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar that is full at `bytes`.
    pub fn new(what: &'static str, bytes: u64, quiet: bool) -> Self {
        let target = if quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(5)
        };
        let bar = ProgressBar::with_draw_target(Some(bytes), target).with_message(what);
        let style = ProgressStyle::with_template(
            "{msg} [{bar:30}] {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        );
        bar.set_style(style.expect("the template is constant and right").progress_chars("=> "));
        // Drawn whenever something is done, and not by a thread of its own: starting one can panic.
        bar.tick();
        Self { bar }
    }

    /// Another `bytes` are done.
    pub fn add(&self, bytes: u64) {
        self.bar.inc(bytes);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
