//! [`Bars`]: progress bars on stderr, if that is a terminal.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use flow::{Progress, Task, human};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::terminal;

/// How long the drawn bar is, in columns.
const LENGTH: u64 = 9;

/// A rate or a time that is left means nothing before that.
const SETTLED: Duration = Duration::from_secs(2);

/// The bar is drawn, or another program's end looked for, no more often than this: there may be many small records.
const APART: Duration = Duration::from_millis(200);

/// Draws a bar for each task; invisible if stderr is not a terminal, or while another program draws there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bars {
    /// The program, as a bar names it.
    pub(crate) program: &'static str,
}

struct Bar {
    label: String,
    of: u64,
    begun: Instant,
    state: Mutex<State>,
}

struct State {
    done: u64,
    /// None while another program draws.
    shown: Option<ProgressBar>,
    /// When it was drawn last, or tried to be.
    drawn: Option<Instant>,
}

impl Progress for Bars {
    fn begin(&self, what: &'static str, bytes: u64) -> Box<dyn Task> {
        let label = format!("{}: {what}", self.program);
        let state = Mutex::new(State { done: 0, shown: None, drawn: None });
        let bar = Bar { label, of: bytes, begun: Instant::now(), state };
        bar.add(0);
        Box::new(bar)
    }
}

/// A line of any width, cut off at the terminal's.
fn new_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{wide_msg}");
    bar.set_style(style.expect("the template is constant and right"));
    bar
}

impl Task for Bar {
    fn add(&self, bytes: u64) {
        // After a panic elsewhere there is nothing to show.
        let Ok(mut state) = self.state.lock() else { return };
        state.done = state.done.saturating_add(bytes);
        if state.drawn.is_some_and(|drawn| drawn.elapsed() < APART) {
            return;
        }
        state.drawn = Some(Instant::now());
        if state.shown.is_none() {
            state.shown = terminal::may_draw().then(new_bar);
        }
        if let Some(shown) = &state.shown {
            // Drawn on an update rather than by its own thread: starting one can panic.
            shown.set_message(line(&self.label, state.done, self.of, self.begun.elapsed()));
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Ok(State { shown: Some(shown), .. }) = self.state.get_mut() {
            shown.finish_and_clear();
        }
    }
}

/// What a bar says: how far it is, and once that is known, how fast and for how long.
fn line(label: &str, done: u64, of: u64, took: Duration) -> String {
    let mut line = label.to_owned();
    // Less may be announced than comes, if a stream of another tool does not say it.
    let is_known = of > 0 && done <= of;
    if is_known {
        let filled = (u128::from(done) * u128::from(LENGTH) / u128::from(of)) as usize;
        let empty = LENGTH as usize - filled;
        let head = if empty > 0 { ">" } else { "" };
        line += &format!(" [{}{head}{}]", "=".repeat(filled), " ".repeat(empty - head.len()));
    }
    line += &format!(" {}", human(done));
    if is_known {
        line += &format!(" of {}", human(of));
    }
    let rate = done as f64 / took.as_secs_f64();
    if took >= SETTLED && done > 0 {
        line += &format!(", {}/s", human(rate as u64));
        if is_known && done < of {
            line += &format!(", {} left", time((of - done) as f64 / rate));
        }
    }
    line
}

/// A time that is left, in the unit that people would say.
fn time(seconds: f64) -> String {
    match seconds {
        ..120.0 => format!("{:.0} s", seconds.ceil()),
        ..7200.0 => format!("{:.0} min", (seconds / 60.0).ceil()),
        ..172_800.0 => format!("{:.1} h", seconds / 3600.0),
        _ => format!("{:.0} days", seconds / 86400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_says_only_what_is_known() {
        let of = 2 << 30;
        let line = |done, seconds| line("lvdiff: sending", done, of, Duration::from_secs(seconds));
        assert_eq!(line(0, 0), "lvdiff: sending [>        ] 0 bytes of 2.0 GiB");
        assert_eq!(line(0, 5), "lvdiff: sending [>        ] 0 bytes of 2.0 GiB");
        assert_eq!(line(1 << 29, 1), "lvdiff: sending [==>      ] 512.0 MiB of 2.0 GiB");
        assert_eq!(
            line(1 << 29, 4),
            "lvdiff: sending [==>      ] 512.0 MiB of 2.0 GiB, 128.0 MiB/s, 12 s left"
        );
        assert_eq!(line(of, 4), "lvdiff: sending [=========] 2.0 GiB of 2.0 GiB, 512.0 MiB/s");
        assert_eq!(line(3 << 30, 3), "lvdiff: sending 3.0 GiB, 1.0 GiB/s");
        assert!(line(1 << 29, 400).ends_with("1.3 MiB/s, 20 min left"));
    }

    #[test]
    fn a_bar_fits_on_80_columns() {
        for (done, took) in [(1 << 30, 7000), (999 << 30, 2), (1023 << 20, 3), (0, 3)] {
            let line = line("lvpatch: applying", done, 1023 << 30, Duration::from_secs(took));
            assert!(line.len() <= 80, "{line}");
        }
    }
}
