//! [`Bars`]: progress bars on stderr, if that is a terminal.

use flow::{Progress, Task};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Draws a bar for each task; invisible if stderr is not a terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bars;

struct Bar(ProgressBar);

impl Progress for Bars {
    fn begin(&self, what: &'static str, bytes: u64) -> Box<dyn Task> {
        let target = ProgressDrawTarget::stderr_with_hz(5);
        let bar = ProgressBar::with_draw_target(Some(bytes), target).with_message(what);
        let style = ProgressStyle::with_template(
            "{msg} [{bar:30}] {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        );
        bar.set_style(style.expect("the template is constant and right").progress_chars("=> "));
        // Drawn on each update rather than by its own thread: starting one can panic.
        bar.tick();
        Box::new(Bar(bar))
    }
}

impl Task for Bar {
    fn add(&self, bytes: u64) {
        self.0.inc(bytes);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
