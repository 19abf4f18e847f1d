//! [`Common`]: the options that both programs have.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

/// What is said of a run, and to whom; to be flattened into a program's options. They may stand before or after a
/// subcommand.
#[derive(Args, Clone, Debug, Default)]
pub struct Common {
    /// Show how far the work has come: auto draws a bar where standard error is a terminal; always
    /// prints a line each second elsewhere; json prints one JSON object a line, each second
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true,
        global = true
    )]
    pub progress: When,

    /// Print a last line on standard error that says what was done, as one JSON object, however the
    /// run ends: volumes, digests, counts, exit code and kind of error
    #[arg(long, value_name = "json", hide_possible_values = true, global = true)]
    pub report: Option<ReportFormat>,

    /// Write that object to FILE instead (`/dev/fd/N` is a descriptor)
    #[arg(long, value_name = "FILE", global = true)]
    pub report_file: Option<PathBuf>,

    /// Say nothing but warnings and errors
    #[arg(short, long, global = true)]
    pub quiet: bool,

    /// Say more (twice: even more)
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub verbose: u8,
}

/// When progress is shown, and as what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// A bar, where standard error is a terminal and `--quiet` was not given.
    #[default]
    Auto,
    /// A bar on a terminal, lines elsewhere.
    Always,
    /// Not at all.
    Never,
    /// Lines for another program.
    Json,
}

/// What a report is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// One JSON object.
    Json,
}
