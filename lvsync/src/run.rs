//! Carries out a request.

use std::fs::File;
use std::os::fd::AsFd;

use anyhow::Context;
use cli::Outcome;
use flow::Session;
use lvm::LogicalVolume;
use replica::{NoBase, Occupied, Settings, push};

use crate::link::Link;
use crate::look_up::look_up;
use crate::program::PROGRAM;
use crate::request::Request;
use crate::target::{Target, Where};
use crate::tell::{json, say, told};
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
        Request::Serve(offered) => {
            let from = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
            offered.serve(from, cli::standard_output()?, session)
        }
        Request::Send { volumes, settings } => pull::send(&volumes, &settings, session),
        Request::Pull { host, words, place } => {
            pull::receive(&host, &words, &place, is_quiet, session, outcome)
        }
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

/// What to do about an error, if an option helps.
pub(crate) fn way_out(error: &anyhow::Error) -> Option<String> {
    let way_out = match error.is::<Occupied>() {
        true => "--overwrite replaces whatever is there",
        false if error.is::<NoBase>() => "--full does that",
        false => return None,
    };
    Some(way_out.into())
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
