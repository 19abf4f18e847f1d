//! Carries out a request.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;

use anyhow::Context;
use cli::{Outcome, Said};
use flow::{Session, human, usage};
use lvm::{LogicalVolume, Scope, VolumeName};
use peer::Failure;
use replica::{Allowance, Place, Pushed, Settings, push, refuse, serve};

use crate::forced::{ASKED_FOR, NotAdmitted, admit};
use crate::link::Link;
use crate::list::list;
use crate::request::{PROGRAM, Request};
use crate::status::status;
use crate::target::Target;
use crate::units::units;
use crate::way_out::way_out;

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
        Request::Serve { pool, allowance } => serve_as(&pool, allowance, session),
        Request::Push { volumes, target, settings } => {
            let volumes = look_up(&volumes)?;
            push_all(&volumes, &target, &settings, is_quiet, session, outcome)
        }
    }
}

/// Is the other side, if the key that it came with is for that.
fn serve_as(pool: &VolumeName, allowance: Allowance, session: &Session<'_>) -> anyhow::Result<()> {
    let from = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let to = cli::standard_output()?;
    let admitted = match std::env::var_os(ASKED_FOR) {
        Some(asked_for) => admit(&asked_for.to_string_lossy(), pool),
        None => Ok(()),
    };
    match admitted {
        Ok(()) => {
            let pool = Scope::new(pool.group(), Some(pool.volume()))?;
            let (program, exit_code) = (PROGRAM.into(), cli::exit_code);
            serve(&Place { pool, allowance, program, exit_code, way_out }, from, to, session)
        }
        Err(NotAdmitted::Lvsync(text)) => {
            match refuse(Failure { code: 2, text: text.clone() }, from, to)? {
                true => Err(Said::new(2).into()),
                false => Err(usage(text)),
            }
        }
        Err(NotAdmitted::Other(text)) => Err(usage(text)),
    }
}

/// The volume of this name.
fn find(name: &str) -> anyhow::Result<LogicalVolume> {
    let (name, scope) = (VolumeName::parse(name)?, Scope::default());
    let volumes = VolumeName::candidates(&[&name], &scope)?;
    Ok(name.find(&volumes, &scope)?.clone())
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
