//! [`run`]: the frame of both programs.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use anyhow::Context;
use flow::{Session, escaped_lines};

use crate::bar::progress;
use crate::exit::hint;
use crate::signals::catch_signals;
use crate::{Verbosity, exit_code, logging};

/// Runs `work`; an error becomes one line on stderr and an exit code.
pub fn run(
    program: &'static str,
    verbosity: Verbosity,
    work: impl FnOnce(&Session<'_>) -> anyhow::Result<()>,
) -> ExitCode {
    logging::init(program, verbosity);
    let done = catch_signals().context("/proc/self/status").and_then(|signals| {
        // What `work` held is gone after a panic, its guards undone; nothing of it is used again.
        let session = Session::new(&signals, progress(verbosity.quiet));
        catch_unwind(AssertUnwindSafe(|| work(&session)))
            .unwrap_or_else(|_| Err(anyhow::anyhow!("this is a bug; see the line above")))
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where nobody reads it, the exit code still says it.
            // Names and texts of a stream may be in it.
            let text = escaped_lines(&format!("{error:#}"));
            let hint = hint(&error).map(|hint| format!("; {hint}")).unwrap_or_default();
            let _ = writeln!(io::stderr(), "{program}: {text}{hint}");
            ExitCode::from(exit_code(&error))
        }
    }
}
