//! `lvdiff`: says what changed between two thin-provisioned LVM2 volumes, as a stream for lvpatch.

mod changes;
mod classic;
mod cli;
mod compared;
mod convert;
mod diff;
mod head;
mod list;
mod map;
mod merge;
mod offline;
mod plan;
mod stream;
mod volumes;
mod watch;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = cli::Args::parse();
    let verbosity = ::cli::Verbosity { quiet: args.quiet, verbose: args.verbose };
    ::cli::run("lvdiff", verbosity, |session| match args.merge.as_slice() {
        _ if args.convert => {
            convert::run(&args, &plan::stream_options(&args, session.interrupt)?, session)
        }
        [] => diff::run(&plan::look_up(args, session.interrupt)?, session),
        files => {
            merge::run(files, &plan::stream_options(&args, session.interrupt)?, args.quiet, session)
        }
    })
}
