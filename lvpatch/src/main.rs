//! `lvpatch`: applies what lvdiff found to the same base, as a new thin-provisioned LVM2 volume.

mod cli;
mod input;
mod print;
mod request;
mod run;
mod summary;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = cli::Args::parse();
    let verbosity = ::cli::Verbosity { quiet: args.quiet, verbose: args.verbose };
    ::cli::run("lvpatch", verbosity, |session| run::run(&args, session))
}
