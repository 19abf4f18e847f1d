//! Carries out a request.

use std::fs::File;
use std::os::fd::AsFd;

use anyhow::Context;
use cli::Outcome;
use flow::{Session, human, usage};
use lvm::{LogicalVolume, Scope, VolumeName};
use replica::{NoBase, Place, Pushed, Settings, push, serve};

use crate::link::Link;
use crate::request::{PROGRAM, Request};
use crate::target::Target;
use crate::verify::{self, verify_all};

/// Does what was asked for.
pub(crate) fn run(
    request: Request,
    is_quiet: bool,
    session: &Session<'_>,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    outcome.begin(request.name());
    match request {
        Request::Serve(pool) => {
            let place = Place { pool, program: PROGRAM.into(), exit_code: cli::exit_code };
            let from = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
            serve(&place, from, cli::standard_output()?, session)
        }
        Request::Push { volumes, target, settings } => {
            let volumes = look_up(&volumes)?;
            push_all(&volumes, &target, &settings, is_quiet, session, outcome)
        }
        Request::Verify { volumes, target, depth, bytes_per_second: rate } => {
            let volumes = look_up(&volumes)?;
            verify_all(&volumes, &target, depth, rate, is_quiet, session, outcome)
        }
    }
}

/// What to do about an error, if an option helps.
pub(crate) fn way_out(error: &anyhow::Error) -> Option<String> {
    if error.is::<NoBase>() {
        return Some("--full does that".into());
    }
    verify::way_out(error)
}

fn look_up(names: &[String]) -> anyhow::Result<Vec<LogicalVolume>> {
    let names = names.iter().map(|name| VolumeName::parse(name)).collect::<Result<Vec<_>, _>>()?;
    let scope = Scope::default();
    let volumes = VolumeName::candidates(&names.iter().collect::<Vec<_>>(), &scope)?;
    let mut found: Vec<LogicalVolume> = Vec::new();
    for name in &names {
        let volume = name.find(&volumes, &scope)?;
        if volume.thin_id.is_none() {
            return Err(usage(format!(
                "{} is not a thin volume: its segment type is {}",
                volume.full_name(),
                volume.segment_type
            )));
        }
        if found.iter().any(|other| other.uuid == volume.uuid) {
            return Err(usage(format!("{} is named twice", volume.full_name())));
        }
        found.push(volume.clone());
    }
    Ok(found)
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
        if !is_quiet {
            say(&pushed, target, session);
        }
        done.push(serde_json::json!({
            "point": pushed.point,
            "base": pushed.base,
            "copy": pushed.copy.name,
            "uuid": pushed.copy.uuid,
            "sent_bytes": pushed.sent,
            "removed": pushed.removed,
        }));
    }
    outcome.done(&serde_json::json!({ "pushed": done }))?;
    link.close(connection)
}

fn say(pushed: &Pushed, target: &Target, session: &Session<'_>) {
    let host = target.host.as_ref().map_or(String::new(), |host| format!("{host}:"));
    let from = match &pushed.base {
        Some(base) => format!("since {base}"),
        None => "all of it".into(),
    };
    cli::note(format_args!(
        "lvsync: {} -> {host}{}: {from}, {} of data, {} sent in {:.1} s",
        pushed.point,
        pushed.copy.name,
        human(pushed.totals.data_bytes),
        human(pushed.sent),
        session.begun.elapsed().as_secs_f64()
    ));
    for name in &pushed.removed {
        cli::note(format_args!("lvsync: {name} is removed: later points are on both sides"));
    }
}
