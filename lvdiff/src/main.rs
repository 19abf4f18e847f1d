//! `lvdiff`: says what changed between two thin-provisioned LVM2 volumes, as a stream for lvpatch.

mod cli;
mod convert;
mod merge;
mod pairs;
mod print;
mod request;
mod run;
mod summary;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = cli::Args::parse();
    let verbosity = ::cli::Verbosity { quiet: args.quiet, verbose: args.verbose };
    ::cli::run("lvdiff", verbosity, |session| match args.merge.as_slice() {
        _ if args.convert => convert::run(&args, &request::StreamRequest::new(&args), session),
        [] => run::run(request::Request::new(&args)?, args.quiet, session),
        files => merge::run(files, &request::StreamRequest::new(&args), args.quiet, session),
    })
}
