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

fn main() -> ExitCode {
    let args: cli::Args = ::cli::parse("lvpatch");
    ::cli::run("lvpatch", &args.common, way_out::words, |session, outcome| {
        run::run(Request::new(&args)?, args.common.quiet, session, outcome)
    })
}
