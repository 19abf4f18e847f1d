//! `lvdiff`: says what changed between two thin-provisioned LVM2 volumes, as a stream for lvpatch.

mod cli;
mod convert;
mod merge;
mod pairs;
mod print;
mod report;
mod request;
mod run;
mod summary;
mod survey;
mod way_out;

use std::process::ExitCode;

use request::Request;

/// What other programs call these options.
const SYNONYMS: [::cli::Synonym; 4] = [
    ("--dry-run", "--list"),
    ("--vg", "--lvgroup"),
    ("--rate-limit", "--bwlimit"),
    ("--full", "no BASE, which makes a full stream"),
];

fn main() -> ExitCode {
    let args: cli::Args = ::cli::parse("lvdiff", &SYNONYMS);
    ::cli::run("lvdiff", &args.common, way_out::words, |session, outcome| {
        run::run(Request::new(&args)?, args.common.quiet, session, outcome)
    })
}
