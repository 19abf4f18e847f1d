//! `lvpatch`: applies what lvdiff found to the same base, as a new thin-provisioned LVM2 volume.

mod cli;
mod input;
mod print;
mod report;
mod request;
mod run;
mod summary;
mod verify;
mod way_out;

use std::process::ExitCode;

use request::Request;

/// What other programs call these options.
const SYNONYMS: [::cli::Synonym; 5] = [
    ("--dry-run", "--check"),
    ("--vg", "--lvgroup"),
    ("--base", "--lv"),
    ("--force", "--no-base-check"),
    ("--restore", "--from"),
];

fn main() -> ExitCode {
    let args: cli::Args = ::cli::parse("lvpatch", &SYNONYMS);
    ::cli::run("lvpatch", &args.common, way_out::words, |session, outcome| {
        run::run(Request::new(&args)?, args.common.quiet, session, outcome)
    })
}
