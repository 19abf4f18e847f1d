//! [`Lines`]: how far a run has come, in lines: for a log, and for another program.

use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flow::{Progress, Task, human};
use serde::Serialize;

use crate::json::json_line;

/// Two lines of one piece of work are at least this far apart, but for the first and the last.
const APART: Duration = Duration::from_secs(1);

/// Prints a line when a piece of work begins, when it ends, and each second in between in which any of it
/// is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lines {
    program: &'static str,
    text: fn(&Reached) -> String,
}

impl Lines {
    /// For people who read a log.
    pub(crate) fn text(program: &'static str) -> Self {
        Self { program, text }
    }

    /// For a program that reads along.
    pub(crate) fn json(program: &'static str) -> Self {
        Self { program, text: as_json }
    }
}

/// How far a piece of work has come.
#[derive(Serialize)]
struct Reached {
    #[serde(skip)]
    program: &'static str,
    what: &'static str,
    bytes: u64,
    of: u64,
    seconds: f64,
}

struct Line {
    program: &'static str,
    what: &'static str,
    of: u64,
    done: AtomicU64,
    begun: Instant,
    said: Mutex<Instant>,
    text: fn(&Reached) -> String,
}

impl Progress for Lines {
    fn begin(&self, what: &'static str, bytes: u64) -> Box<dyn Task> {
        let begun = Instant::now();
        let (done, said) = (AtomicU64::new(0), Mutex::new(begun));
        let Self { program, text } = *self;
        let line = Line { program, what, of: bytes, done, begun, said, text };
        line.say();
        Box::new(line)
    }
}

impl Line {
    fn say(&self) {
        let seconds = (self.begun.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
        let bytes = self.done.load(Ordering::Relaxed);
        let text = (self.text)(&Reached {
            program: self.program,
            what: self.what,
            bytes,
            of: self.of,
            seconds,
        });
        // The work goes on, whether anybody can be told or not.
        _ = io::stderr().write_all(text.as_bytes());
    }
}

impl Task for Line {
    fn add(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
        // Another thread that says it now says it for this one too.
        if let Ok(mut said) = self.said.try_lock()
            && said.elapsed() >= APART
        {
            *said = Instant::now();
            self.say();
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.say();
    }
}

fn text(reached: &Reached) -> String {
    let Reached { program, what, bytes, of, seconds } = reached;
    let rate = if *seconds > 0.0 { *bytes as f64 / seconds } else { 0.0 };
    let left = match of.checked_sub(*bytes) {
        Some(left) if left > 0 && rate > 0.0 => format!(", {:.0} s left", left as f64 / rate),
        _ => String::new(),
    };
    let (done, all) = (human(*bytes), human(*of));
    format!("{program}: {what} {done} of {all}, {}/s{left}\n", human(rate as u64))
}

fn as_json(reached: &Reached) -> String {
    #[derive(Serialize)]
    struct Told<'a> {
        progress: &'a Reached,
    }
    json_line(&Told { progress: reached }).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_say_how_far_it_is() {
        let at = |bytes, seconds| Reached {
            program: "lvdiff",
            what: "sending",
            bytes,
            of: 4 << 20,
            seconds,
        };
        assert_eq!(text(&at(0, 0.0)), "lvdiff: sending 0 bytes of 4.0 MiB, 0 bytes/s\n");
        assert_eq!(
            text(&at(1 << 20, 2.0)),
            "lvdiff: sending 1.0 MiB of 4.0 MiB, 512.0 KiB/s, 6 s left\n"
        );
        assert_eq!(text(&at(4 << 20, 2.0)), "lvdiff: sending 4.0 MiB of 4.0 MiB, 2.0 MiB/s\n");
        // Less may be announced than comes, where a stream of another tool does not say it.
        assert_eq!(text(&at(8 << 20, 2.0)), "lvdiff: sending 8.0 MiB of 4.0 MiB, 4.0 MiB/s\n");
        assert_eq!(
            as_json(&at(512, 0.5)),
            "{\"progress\":{\"what\":\"sending\",\"bytes\":512,\"of\":4194304,\"seconds\":0.5}}\n"
        );
    }
}
