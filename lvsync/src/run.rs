//! Carries out a request.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;

use anyhow::Context;
use cli::Outcome;
use flow::Session;
use lvm::{LogicalVolume, Scope, VolumeName};
use replica::{Allowance, Settings, push};

use crate::forced::{Match, refused};
use crate::job;
use crate::link::Link;
use crate::list::list;
use crate::look_up::look_up;
use crate::offer::Offered;
use crate::program::PROGRAM;
use crate::request::Request;
use crate::status::status;
use crate::target::{Target, Where};
use crate::tell::{json, say, told};
use crate::units::units;
use crate::verify::verify_all;
use crate::{pull, spot};

/// Does what was asked for.
pub(crate) fn run(
    request: Request,
    is_quiet: bool,
    session: &Session<'_>,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    outcome.begin(request.name());
    match request {
        Request::List { names, form } => list(&names, form, session),
        Request::Promote { copy, to: Some(new) } => {
            let made = replica::promote(&find(&copy)?, &new, session)?;
            if !is_quiet {
                cli::note(format_args!("lvsync: {} is there, and {copy} stays", made.full_name()));
            }
            outcome.done(&serde_json::json!({ "volume": made.full_name(), "uuid": made.uuid }))
        }
        Request::Promote { copy, to: None } => replica::release(&find(&copy)?),
        Request::Status(settings) => status(&settings, session),
        Request::Units(settings) => cli::print(|out| out.write_all(units(&settings).as_bytes())),
        Request::Serve { place, allowance } => serve_as(&place, allowance, session),
        Request::Send { volumes, settings } => {
            let words: Vec<_> = volumes.iter().map(|volume| format!("--source {volume}")).collect();
            match refused(&words.join(" "), "the points of these volumes", Match::Beginning) {
                Some(refused) => refused.answer(),
                None => pull::send(&volumes, &settings, session),
            }
        }
        Request::Pull { host, words, place } => {
            pull::receive(&host, &words, &place, is_quiet, session, outcome)
        }
        Request::Run { jobs, is_dry: true } => job::dry_run(&jobs, session),
        Request::Run { jobs, is_dry: false } => job::run(&jobs, is_quiet, session, outcome),
        Request::Verify { volumes, target, depth, bytes_per_second: rate } => {
            let volumes = look_up(&volumes)?;
            verify_all(&volumes, &target, depth, rate, is_quiet, session, outcome)
        }
        Request::Hold(words) => job::hold(&words),
        Request::Push { volumes, target, settings, over } => match &target.place {
            Where::Pool(_) => {
                let volumes = look_up(&volumes)?;
                push_all(&volumes, &target, &settings, is_quiet, session, outcome)
            }
            Where::Spot(_) => {
                spot::push(&volumes[0], &target, &settings, over, is_quiet, session, outcome)
            }
        },
    }
}

/// Is the other side, if the key that it came with is for that.
fn serve_as(place: &Where, allowance: Allowance, session: &Session<'_>) -> anyhow::Result<()> {
    let words = place.words()[1..].join(" ");
    match refused(&words, &format!("copies in {place}"), Match::All) {
        Some(refused) => refused.answer(),
        None => {
            let from = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
            Offered::new(place, allowance)?.serve(from, cli::standard_output()?, session)
        }
    }
}

/// The volume of this name.
fn find(name: &str) -> anyhow::Result<LogicalVolume> {
    let (name, scope) = (VolumeName::parse(name)?, Scope::default());
    let volumes = VolumeName::candidates(&[&name], &scope)?;
    Ok(name.find(&volumes, &scope)?.clone())
}

/// Pushes one volume after another. The first failure ends it: what is there stays.
fn push_all(
    volumes: &[LogicalVolume],
    target: &Target,
    settings: &Settings,
    is_quiet: bool,
    session: &Session<'_>,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    let (link, mut connection) = Link::open(target, session.interrupt)?;
    connection.greet(PROGRAM).with_context(|| target.to_string())?;
    let mut done = Vec::new();
    for volume in volumes {
        let pushed = push(volume, connection, settings, session)
            .with_context(|| format!("{} to {target}", volume.full_name()));
        let (back, pushed) = match pushed {
            Ok(pushed) => pushed,
            Err(error) => {
                // The other side may be removing what it has made. Why it failed is known.
                _ = link.ended();
                outcome.done(&serde_json::json!({ "pushed": done }))?;
                return Err(error);
            }
        };
        connection = back;
        let told = told(pushed);
        if !is_quiet {
            say(&told, target.host.as_deref(), session);
        }
        done.push(json(&told));
    }
    outcome.done(&serde_json::json!({ "pushed": done }))?;
    link.close(connection)
}
