//! [`apply_link`]: one stream of a chain → storage.

use flow::{Session, Task};
use hyperlayer::Totals;
use streams::Link;

use crate::apply::{Applier, Extras};
use crate::arriving::Arriving;

/// Applies one stream's records; succeeds only if all of it has arrived, or `extras` accept a cut.
pub(crate) fn apply_link(
    session: &Session<'_>,
    link: &mut Link,
    applier: &Applier<'_>,
    extras: Extras<'_>,
) -> anyhow::Result<Totals> {
    let progress = task(session, link);
    applier.apply_all(&link.name, &mut link.decoder, &*progress, extras)
}

/// Why a stream ended early, and up to which offset in bytes it was applied.
pub(crate) type Stopped = (hyperlayer::Error, u64);

/// As [`apply_link`]; but if the stream ends early, all that has arrived is applied first.
pub(crate) fn apply_part(
    session: &Session<'_>,
    link: &mut Link,
    applier: &Applier<'_>,
) -> anyhow::Result<(Totals, Option<Stopped>)> {
    let progress = task(session, link);
    let mut arriving = Arriving::new(&mut link.decoder, session.interrupt);
    let totals = applier.apply_all(&link.name, &mut arriving, &*progress, Extras::default())?;
    Ok((totals, arriving.stopped()))
}

/// The task of applying a stream, as progress shows it.
fn task(session: &Session<'_>, link: &Link) -> Box<dyn Task> {
    let header = link.header();
    session.progress.begin("applying", header.changed_bytes + header.unmapped_bytes)
}
