//! Pulls: the same conversation, asked for by the side that the copies go to.

use std::fs::File;
use std::os::fd::AsFd;

use anyhow::Context;
use cli::Outcome;
use flow::{Refusal, Session};
use peer::{Answer, Request};
use replica::{Connection, Place, Settings, push, serve_and_note};

use crate::link::{Ended, Link};
use crate::look_up::look_up;
use crate::program::PROGRAM;
use crate::tell::{json, say, told};

/// Brings these volumes to whoever is at the other end of standard input and output, and says there what was done. Why
/// something was not done is on standard error, which ssh brings there as well, and in the exit code.
pub(crate) fn send(
    volumes: &[String],
    settings: &Settings,
    session: &Session<'_>,
) -> anyhow::Result<()> {
    let from = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let to = cli::standard_output()?;
    let mut connection = Connection { from: Box::new(from), to: Box::new(to) };
    connection.greet(PROGRAM)?;
    for volume in &look_up(volumes)? {
        let pushed = push(volume, connection, settings, session);
        let (back, pushed) = pushed.with_context(|| volume.full_name())?;
        connection = back;
        match connection.ask(&Request::Told(told(pushed)))? {
            Answer::Noted => {}
            _ => anyhow::bail!("the other side answers something else than that it is noted"),
        }
    }
    Ok(())
}

/// Has lvsync on another host do that, and makes the copies in a pool here.
pub(crate) fn receive(
    host: &str,
    words: &[String],
    place: &Place,
    is_quiet: bool,
    session: &Session<'_>,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    let (link, Connection { from, to }) = Link::remote(host, words, session.interrupt)?;
    let mut done = Vec::new();
    let served = serve_and_note(place, from, to, session, &mut |told| {
        if !is_quiet {
            say(&told, None, session);
        }
        done.push(json(&told));
    });
    outcome.done(&serde_json::json!({ "pushed": done }))?;
    // Why the other side ended says more than that it did.
    link.ended().map_err(|error| explained(error, host))?;
    session.interrupt.check()?;
    served
}

/// The other side's exit code is ours as well.
fn explained(error: anyhow::Error, host: &str) -> anyhow::Error {
    let Some(Ended(status)) = error.downcast_ref() else { return error };
    let text = format!("lvsync on {host} could not do it, and has said why");
    let refusal = match status.code() {
        Some(2) => Refusal::usage(text),
        Some(3) => Refusal::base_mismatch(text),
        Some(4) => Refusal::unverifiable(text),
        Some(7) => Refusal::no_space(text),
        _ => return error,
    };
    refusal.into()
}
