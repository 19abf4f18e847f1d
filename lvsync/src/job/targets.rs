//! [`deliver`]: a set of points, brought to a target.

use std::time::Instant;

use anyhow::Context;
use flow::Session;
use replica::{Brought, Connection, Sent, Set, Settings};

use crate::link::Link;
use crate::program::PROGRAM;
use crate::target::Target;

/// What came of a point and a target.
pub(super) struct Delivery {
    pub(super) result: anyhow::Result<Sent>,
    /// The UUIDs of the points of which the target has a copy; none if it did not say.
    pub(super) copies: Option<Vec<String>>,
    /// Whether there may be a copy, although nothing says so.
    pub(super) may_have_arrived: bool,
    pub(super) seconds: f64,
}

/// A conversation with a target.
pub(super) struct Talk {
    link: Link,
    pub(super) connection: Connection,
}

impl Talk {
    /// Begins one.
    pub(super) fn begin(target: &Target, session: &Session<'_>) -> anyhow::Result<Self> {
        let (link, mut connection) = Link::open(target, session.interrupt)?;
        connection.greet(PROGRAM)?;
        Ok(Self { link, connection })
    }

    /// Ends it.
    pub(super) fn end(self) -> anyhow::Result<()> {
        self.link.close(self.connection)
    }
}

/// Brings each point of a set to a target. One that fails does not keep the others from it, unless the target cannot
/// be reached.
pub(super) fn deliver(
    set: &Set,
    target: &Target,
    settings: &Settings,
    session: &Session<'_>,
) -> Vec<Delivery> {
    let mut talk = None;
    let mut unreachable: Option<String> = None;
    let mut deliveries = Vec::new();
    for member in &set.members {
        let begun = Instant::now();
        let failed = |error| Delivery {
            result: Err(error),
            copies: None,
            may_have_arrived: false,
            seconds: begun.elapsed().as_secs_f64(),
        };
        if let Err(error) = session.interrupt.check() {
            deliveries.push(failed(error.into()));
            continue;
        }
        if let Some(why) = &unreachable {
            deliveries.push(failed(anyhow::anyhow!("{why}")));
            continue;
        }
        let opened = match talk.take() {
            Some(talk) => Ok(talk),
            None => Talk::begin(target, session),
        };
        let Talk { link, connection } = match opened {
            Ok(talk) => talk,
            Err(error) => {
                unreachable = Some(flow::error_text(&error));
                deliveries.push(failed(error));
                continue;
            }
        };
        let Brought { connection, copies, result, may_have_arrived } =
            member.bring(connection, settings, session);
        match connection {
            Some(connection) => talk = Some(Talk { link, connection }),
            // What broke it is the error already. A side of this process is left time to clean up.
            None => _ = link.ended(),
        }
        let sources = copies.map(|copies| copies.into_iter().map(|copy| copy.source).collect());
        let seconds = begun.elapsed().as_secs_f64();
        deliveries.push(Delivery { result, copies: sources, may_have_arrived, seconds });
    }
    if let Some(talk) = talk
        && let Err(error) = talk.end().with_context(|| target.to_string())
    {
        // Everything that was sent is there: the target has said so.
        log::warn!("{error:#}");
    }
    deliveries
}
