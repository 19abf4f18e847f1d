//! `lvsync`: keeps copies of thin-provisioned LVM2 volumes in another pool, on this host or another one.

mod cli;
mod config;
mod forced;
mod form;
mod history;
mod job;
mod job_name;
mod link;
mod list;
mod look_up;
mod offer;
mod program;
mod pull;
mod request;
mod run;
mod spot;
mod status;
mod target;
mod tell;
mod units;
mod verify;
mod way_out;

use std::process::ExitCode;

use request::Request;

fn main() -> ExitCode {
    let args: cli::Args = ::cli::parse("lvsync", &[]);
    ::cli::run("lvsync", &args.common, way_out::way_out, |session, outcome| {
        run::run(Request::new(&args)?, args.common.quiet, session, outcome)
    })
}
