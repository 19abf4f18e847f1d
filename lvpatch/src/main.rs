//! `lvpatch`: applies what lvdiff found to the same base, as a new thin-provisioned LVM2 volume.

mod cli;
mod input;
mod print;
mod request;
mod run;
mod summary;

use std::process::ExitCode;

use clap::Parser;
use request::Request;

fn main() -> ExitCode {
    let args = cli::Args::parse();
    let verbosity = ::cli::Verbosity { quiet: args.quiet, verbose: args.verbose };
    ::cli::run("lvpatch", verbosity, |session| run::run(Request::new(&args)?, args.quiet, session))
}
