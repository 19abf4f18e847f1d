//! [`apply_link`]: one stream of a chain → storage.

use flow::Session;
use hyperlayer::Totals;
use streams::Link;

use crate::apply::{Applier, Extras};

/// Applies one stream's records; succeeds only if all of it has arrived, or `extras` accept a cut.
pub(crate) fn apply_link(
    session: &Session<'_>,
    link: &mut Link,
    applier: &Applier<'_>,
    extras: Extras<'_>,
) -> anyhow::Result<Totals> {
    let header = link.header();
    let bytes = header.changed_bytes + header.unmapped_bytes;
    let progress = session.progress.begin("lvpatch", bytes);
    applier.apply_all(&link.name, &mut link.decoder, &*progress, extras)
}
