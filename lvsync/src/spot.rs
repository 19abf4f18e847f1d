//! Pushes to a device or an image.

use anyhow::Context;
use cli::{Outcome, exit_code};
use flow::Session;
use lvm::Scope;
use peer::Told;
use replica::{Over, Settings, push_classic, push_over};
use source::Found;

use crate::link::Link;
use crate::look_up::look_up;
use crate::program::PROGRAM;
use crate::target::Target;
use crate::tell::{json, say, told};

/// The exit code for a base that is not the one that it should be.
const MISMATCH: u8 = 3;

/// Pushes a thin volume, or from a classic snapshot. If whatever is there may be replaced, and it turns out not to be
/// what was sent last, everything is sent.
pub(crate) fn push(
    name: &str,
    target: &Target,
    settings: &Settings,
    over: Over,
    is_quiet: bool,
    session: &Session<'_>,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    let pushed = match push_once(name, target, settings, over, session) {
        Err(error) if over.overwrite && exit_code(&error) == MISMATCH => {
            log::warn!("{error:#}; it is replaced");
            push_once(name, target, settings, Over { everything: true, ..over }, session)
        }
        pushed => pushed,
    }?;
    if !is_quiet {
        say(&pushed, target.host.as_deref(), session);
    }
    outcome.done(&serde_json::json!({ "pushed": [json(&pushed)] }))
}

fn push_once(
    name: &str,
    target: &Target,
    settings: &Settings,
    over: Over,
    session: &Session<'_>,
) -> anyhow::Result<Told> {
    let found = source::find(None, name, &Scope::default())?;
    let (link, mut connection) = Link::open(target, session.interrupt)?;
    connection.greet(PROGRAM).with_context(|| target.to_string())?;
    let pushed = match found {
        Found::Classic(classic) => push_classic(&classic, connection, settings, over, session),
        Found::Other { .. } => {
            let volume = &look_up(&[name.to_owned()])?[0];
            push_over(volume, connection, settings, over, session)
        }
    };
    match pushed {
        Ok((connection, pushed)) => {
            link.close(connection)?;
            Ok(told(pushed))
        }
        Err(error) => {
            // The other side may be bringing back what was there. Why it failed is known.
            _ = link.ended();
            Err(error.context(format!("{name} to {target}")))
        }
    }
}
