//! [`run`]: the frame of both programs.

use std::process::ExitCode;

use crate::{Interrupt, Verbosity, exit_code, logging};

/// Runs `work`; an error becomes one line on stderr and an exit code.
pub fn run(
    program: &'static str,
    verbosity: Verbosity,
    work: impl FnOnce(&Interrupt) -> anyhow::Result<()>,
) -> ExitCode {
    logging::init(program, verbosity);
    let done = Interrupt::catch_signals().map_err(Into::into).and_then(|signals| work(&signals));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{program}: {error:#}");
            ExitCode::from(exit_code(&error))
        }
    }
}
