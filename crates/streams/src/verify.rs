//! [`verify`] and [`accept_all`]: read everything and change nothing.

use anyhow::Context;
use flow::Interrupt;
use hyperlayer::{Error, Records};

use crate::chain::{Chain, Rules};
use crate::link::Link;
use crate::sources::Sources;
use crate::tally::Tally;

/// Reads all streams of a chain; succeeds only if they are sound and follow one another.
///
/// # Errors
/// As [`Chain::next`].
pub fn verify(mut chain: Chain<'_>) -> anyhow::Result<Tally> {
    let mut next = Some(chain.first()?);
    let mut tally = Tally::default();
    while let Some(mut link) = next {
        while link.decoder.next_record().with_context(|| link.name.clone())?.is_some() {}
        tally.add(&link, link.decoder.totals());
        next = chain.next(link)?;
    }
    Ok(tally)
}

/// Reads and verifies all streams up to the chain's end, and asks `accept` about each, with the number of
/// streams before it, before any of its records is read. `sources` must be files; their positions do not
/// change. If a cut is accepted, any damage ends the chain as well.
///
/// # Errors
/// As [`Chain::next`], the errors of `accept`, and [`Refusal::usage`](flow::Refusal::usage) if records must
/// ascend and do not.
pub fn accept_all(
    sources: &Sources,
    rules: &Rules<'_>,
    interrupt: &Interrupt,
    accept: impl Fn(usize, &Link) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut chain = Chain::new(sources.again()?, rules, interrupt).silent();
    let mut next = Some(chain.first()?);
    let mut count = 0;
    while let Some(mut link) = next {
        accept(count, &link)?;
        count += 1;
        if rules.must_ascend && !link.decoder.ascend() {
            link.check_order()?;
        }
        next = match chain.next(link) {
            // Its sound part is applied all the same: it leads back that far.
            Err(error) if rules.accepts_cut && error.is::<Error>() => return Ok(()),
            next => next?,
        };
    }
    Ok(())
}
