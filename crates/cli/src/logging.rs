//! Warnings and notes on stderr.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use flow::escaped_lines;
use log::LevelFilter;

use crate::{Common, terminal};

/// This many warnings are kept for the report.
const KEPT: usize = 1000;

/// A logger has no value of its own to keep them in.
static WARNINGS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The warnings so far, the first [`KEPT`] of them.
pub(crate) fn warnings() -> Vec<String> {
    WARNINGS.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Starts logging under the name of `program`.
pub(crate) fn init(program: &'static str, common: &Common) {
    let level = match (common.quiet, common.verbose) {
        (true, _) | (_, 0) => LevelFilter::Warn,
        (_, 1) => LevelFilter::Info,
        (_, 2) => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    env_logger::Builder::new()
        .filter_level(level)
        .format(move |stderr, record| {
            let kind = match record.level() {
                log::Level::Error => "error: ",
                log::Level::Warn => "warning: ",
                _ => "",
            };
            let text = escaped_lines(&record.args().to_string());
            if record.level() <= log::Level::Warn {
                let mut warnings = WARNINGS.lock().unwrap_or_else(PoisonError::into_inner);
                if warnings.len() < KEPT {
                    warnings.push(text.clone());
                }
            }
            writeln!(stderr, "{}{program}: {kind}{text}", terminal::fresh_line())
        })
        .init();
}
