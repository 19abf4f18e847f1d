//! Carries out a request.

use std::io::Write;

use cli::Outcome;
use flow::{Refusal, Session, escaped, is_interruption};
use foreign::{Foreign, Missing};
use patch::{AppliedBefore, ChangedInPart, KeptPart, Purpose};
use streams::{Chain, Entry};

use crate::print::table;
use crate::report::{Applied, Read, WouldApply};
use crate::request::{Action, Detail, Request};
use crate::{input, summary, verify};

/// Does what was asked for.
pub(crate) fn run(
    request: Request,
    is_quiet: bool,
    session: &Session<'_>,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    outcome.begin(request.action.name());
    let Request { action, reading } = request;
    if let Action::List(detail) = action {
        let entries =
            streams::catalogue(&reading.files, reading.disk.as_deref(), reading.is_strict)?;
        print(&table::text(&entries, detail)?)?;
        return check_chain(&entries);
    }
    let size = reading.size;
    let complete = |foreign: &Foreign| match &action {
        Action::Apply(request) => patch::find_missing(request, Purpose::Apply, foreign),
        Action::Check(request) => patch::find_missing(request, Purpose::Check, foreign),
        _ => Ok(Missing { size, ..Missing::default() }),
    };
    if let Action::VerifyEach(files) = &action {
        return verify::each(files, reading, is_quiet, session, outcome);
    }
    let mut reading = reading;
    let sources = input::open(&mut reading, is_quiet, session.interrupt)?;
    let rules = reading.rules(&action, &complete);
    match &action {
        Action::List(_) | Action::VerifyEach(_) => Ok(()), // that was above
        Action::Describe(detail) => {
            describe(&mut Chain::new(sources, &rules, session.interrupt), *detail)
        }
        Action::Verify => {
            let sound = streams::verify(Chain::new(sources, &rules, session.interrupt))?;
            outcome.done(&Read::from(&sound))?;
            if is_quiet { Ok(()) } else { summary::sound(&sound) }
        }
        Action::Check(request) => {
            let accepted = patch::check(request, &rules, sources, session)?;
            outcome.done(&WouldApply::from(&accepted))?;
            if is_quiet { Ok(()) } else { summary::accepted(&accepted) }
        }
        Action::Apply(request) => {
            let mut made = Vec::new();
            let applied = patch::apply(request, &rules, sources, session, &mut |done| {
                made.push(Applied::from(done));
                if !is_quiet {
                    summary::done(done, session.begun.elapsed());
                }
            });
            // Volumes that were completed before an error stay.
            outcome.done(&serde_json::json!({ "made": made }))?;
            applied.map_err(|error| match is_interruption(&error) && !leaves_something(&error) {
                true if made.is_empty() => error.context("nothing was changed"),
                true => error.context("nothing else was changed"),
                false => error,
            })
        }
    }
}

/// Whether an error says what is left of the run.
fn leaves_something(error: &anyhow::Error) -> bool {
    error.is::<ChangedInPart>() || error.is::<AppliedBefore>() || error.is::<KeptPart>()
}

fn describe(chain: &mut Chain<'_>, detail: Detail) -> anyhow::Result<()> {
    print(&table::of_link(&chain.first()?, detail)?)
}

/// Fails if a stream says of itself that it does not follow the one before it.
fn check_chain(entries: &[Entry]) -> anyhow::Result<()> {
    let broken = entries.iter().find(|entry| entry.is_broken);
    let Some((entry, why)) = broken.and_then(|entry| Some((entry, entry.breaks.as_ref()?))) else {
        return Ok(());
    };
    let (place, why) = (&entry.place, escaped(why));
    Err(Refusal::base_mismatch(format!("the chain breaks before {place}: {why}")).into())
}

fn print(text: &str) -> anyhow::Result<()> {
    cli::print(|out| out.write_all(text.as_bytes()))
}
