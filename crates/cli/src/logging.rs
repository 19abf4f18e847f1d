//! Warnings and notes on stderr.

use std::io::Write;

use flow::escaped_lines;
use log::LevelFilter;

/// How much is said on stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verbosity {
    /// Nothing but warnings and errors.
    pub quiet: bool,
    /// How often `-v` was given.
    pub verbose: u8,
}

/// Begins to log in the name of `program`.
pub(crate) fn init(program: &'static str, verbosity: Verbosity) {
    let level = match (verbosity.quiet, verbosity.verbose) {
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
            writeln!(stderr, "{program}: {kind}{text}")
        })
        .init();
}
