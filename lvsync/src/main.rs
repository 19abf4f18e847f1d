//! `lvsync`: keeps copies of thin-provisioned LVM2 volumes in another pool, on this host or another one.

mod cli;
mod link;
mod request;
mod run;
mod target;
mod verify;

use std::process::ExitCode;

use request::Request;

fn main() -> ExitCode {
    let args: cli::Args = ::cli::parse("lvsync", &[]);
    ::cli::run("lvsync", &args.common, run::way_out, |session, outcome| {
        run::run(Request::new(&args)?, args.common.quiet, session, outcome)
    })
}
