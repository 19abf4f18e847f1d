//! Carries out a request.

use std::io::Write;

use cli::Outcome;
use flow::Session;
use foreign::{Foreign, Missing};
use hyperlayer::Records;
use patch::Purpose;
use streams::Chain;

use crate::print::{info, table};
use crate::report::{Applied, Read, WouldApply};
use crate::request::{Action, Detail, Request};
use crate::{input, summary};

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
        return print(&table::text(&entries, detail == Detail::Json)?);
    }
    let size = reading.size;
    let complete = |foreign: &Foreign| match &action {
        Action::Apply(request) => patch::find_missing(request, Purpose::Apply, foreign),
        Action::Check(request) => patch::find_missing(request, Purpose::Check, foreign),
        _ => Ok(Missing { size, ..Missing::default() }),
    };
    let sources = input::open(&reading.files, reading.disk.as_deref(), session.interrupt)?;
    let rules = reading.rules(&action, &complete);
    match &action {
        Action::List(_) => Ok(()), // handled above
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
            applied
        }
    }
}

fn describe(chain: &mut Chain<'_>, detail: Detail) -> anyhow::Result<()> {
    let link = chain.first()?;
    let (header, as_json) = (link.header(), detail == Detail::Json);
    print(&match link.decoder.foreign() {
        Some(foreign) => info::other(foreign, header, link.has_checksum, as_json)?,
        None => info::own(header, link.decoder.base_digests(), as_json)?,
    })
}

fn print(text: &str) -> anyhow::Result<()> {
    cli::print(|out| out.write_all(text.as_bytes()))
}
