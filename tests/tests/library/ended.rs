//! [`Ended`]: how a line of words ended.

use std::cell::RefCell;
use std::sync::Once;

use flow::{Refusal, WayOut, error_text, escaped_lines};

/// How a line of words ended.
pub(crate) struct Ended {
    /// The program's exit code.
    pub(crate) code: i32,
    /// Warnings, and the error, a line each, in the program's words but for its name and the way out.
    pub(crate) stderr: String,
    /// What would lead out.
    pub(crate) way_out: Option<WayOut>,
}

impl Ended {
    /// Does something, and hears what is said about it.
    pub(crate) fn of(work: impl FnOnce() -> anyhow::Result<()>) -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            log::set_logger(&Heard).expect("there is no other one");
            log::set_max_level(log::LevelFilter::Warn);
        });
        WARNINGS.take();
        let error = work().err();
        let mut lines: Vec<_> = WARNINGS
            .take()
            .iter()
            .map(|text| format!("warning: {}", escaped_lines(text)))
            .collect();
        lines.extend(error.iter().map(|error| escaped_lines(&error_text(error))));
        let refusal = error
            .iter()
            .flat_map(|error| error.chain())
            .find_map(|cause| cause.downcast_ref::<Refusal>());
        Self {
            code: error.as_ref().map_or(0, |error| cli::exit_code(error).into()),
            stderr: lines.iter().map(|line| format!("{line}\n")).collect(),
            way_out: refusal.and_then(Refusal::way_out),
        }
    }

    #[track_caller]
    pub(crate) fn expect(&self, code: i32) -> &str {
        assert_eq!(self.code, code, "{}", self.stderr);
        &self.stderr
    }
}

thread_local! {
    /// What the libraries warn of, all of which is said by the thread that calls them.
    static WARNINGS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Keeps warnings for the test that they belong to.
struct Heard;

impl log::Log for Heard {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        WARNINGS.with_borrow_mut(|warnings| warnings.push(record.args().to_string()));
    }

    fn flush(&self) {}
}
