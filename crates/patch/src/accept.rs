//! Refuses what cannot be written in place, before anything is written.

use flow::{Interrupt, Refusal};
use streams::{Link, Rules, Sources};

use crate::request::{Cut, Destination, Request};
use crate::size::check_size_stays;
use crate::undo::Undo;

/// Whether a new file will be written, which nobody sees before it is complete: then nothing is lost if a
/// stream turns out to be damaged while it is applied.
pub(crate) fn makes_file(request: &Request) -> bool {
    match &request.destination {
        Destination::Path(path, how) => how.backup.is_none() && !path.exists(),
        _ => false,
    }
}

/// Verifies a stream that can be read twice as a whole, before the first byte is written. Yields whether its
/// records were found to ascend.
pub(crate) fn verify_first(
    request: &Request,
    sources: &Sources,
    rules: &Rules<'_>,
    interrupt: &Interrupt,
) -> anyhow::Result<bool> {
    if !sources.are_files()? {
        return Ok(false);
    }
    streams::accept_all(sources, rules, interrupt, |count, link| accept(request, count, link))?;
    Ok(rules.must_ascend)
}

/// Refuses what cannot be done in place, as far as a stream's header shows. `count` streams come before it.
pub(crate) fn accept(request: &Request, count: usize, link: &Link) -> anyhow::Result<()> {
    let header = link.header();
    if request.is_in_place() {
        check_size_stays(header)?;
    }
    if request.cut() == Cut::Applied && !header.undo {
        return Err(Refusal::usage(
            "only an undo stream can be applied in part, and this is not one: part of any other \
             stream makes a volume that never existed",
        )
        .into());
    }
    if request.backup().is_none() {
        return Ok(());
    }
    Undo::check(header)?;
    if count > 0 {
        return Err(Refusal::usage(format!(
            "{} is one stream too many: only one stream's overwritten data can be kept",
            link.name
        ))
        .into());
    }
    Ok(())
}
