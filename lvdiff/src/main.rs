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

fn main() -> ExitCode {
    let args: cli::Args = ::cli::parse("lvdiff");
    ::cli::run("lvdiff", &args.common, way_out::words, |session, outcome| {
        run::run(Request::new(&args)?, args.common.quiet, session, outcome)
    })
}
