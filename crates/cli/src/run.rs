//! [`run`]: the common frame of both programs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use anyhow::Context;
use flow::{Session, error_text, escaped_lines};

use crate::exit::hint;
use crate::print::ReaderLeft;
use crate::progress::progress;
use crate::report::{Outcome, ReportTo};
use crate::said::Said;
use crate::signals::catch_signals;
use crate::terminal::note;
use crate::{Common, exit_code, logging};

/// Runs `work`; an error becomes one line on stderr and an exit code. `way_out` says which option avoids
/// an error, if one does. If a report is requested, it contains what `work` noted in the outcome.
pub fn run(
    program: &'static str,
    common: &Common,
    way_out: fn(&anyhow::Error) -> Option<String>,
    work: impl FnOnce(&Session<'_>, &mut Outcome) -> anyhow::Result<()>,
) -> ExitCode {
    logging::init(program, common);
    let done = catch_signals().context("/proc/self/status").and_then(|signals| {
        let report = ReportTo::open(common, &signals)?;
        // After a panic, everything `work` held has been dropped, guards included; only its notes are used
        // again.
        let progress = progress(program, common);
        let session = Session::new(&signals, &*progress);
        let mut outcome = Outcome::default();
        let done = catch_unwind(AssertUnwindSafe(|| work(&session, &mut outcome)))
            .unwrap_or_else(|_| Err(anyhow::anyhow!("this is a bug; see the line above")));
        let said = done.as_ref().err().map(|error| (error, say(program, error, way_out)));
        let failure = said.as_ref().map(|(error, text)| (*error, text.as_str()));
        let reported = report.write(program, &outcome, session.begun.elapsed(), failure);
        Ok((done, reported))
    });
    let failed = match done {
        Ok((Ok(()), Ok(()))) => return ExitCode::SUCCESS,
        Ok((Err(error), Ok(()))) => error,
        Ok((done, Err(unreported))) => {
            say(program, &unreported, way_out);
            done.err().unwrap_or(unreported)
        }
        Err(error) => {
            say(program, &error, way_out);
            error
        }
    };
    ExitCode::from(exit_code(&failed))
}

/// Says what failed, in a line on stderr, unless a reader only has enough or knows already; yields its text.
fn say(
    program: &str,
    error: &anyhow::Error,
    way_out: fn(&anyhow::Error) -> Option<String>,
) -> String {
    // It may contain names and text from a stream.
    let text = [Some(error_text(error)), way_out(error), hint(error).map(Into::into)];
    let text = escaped_lines(&text.into_iter().flatten().collect::<Vec<_>>().join("; "));
    // Where nobody reads it, the exit code still says it.
    if !error.is::<ReaderLeft>() && !error.is::<Said>() {
        note(format_args!("{program}: {text}"));
    }
    text
}
