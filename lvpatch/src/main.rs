//! `lvpatch`: applies what lvdiff found to the same base, as a new thin-provisioned LVM2 volume.

mod check;
mod cli;
mod device;
mod in_place;
mod input;
mod missing;
mod patch;
mod place;
mod plan;
mod print;
mod undone;
mod volume;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = cli::Args::parse();
    let verbosity = ::cli::Verbosity { quiet: args.quiet, verbose: args.verbose };
    ::cli::run("lvpatch", verbosity, |session| patch::run(&args, session))
}
