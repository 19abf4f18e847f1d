//! [`accept_all`]: everything is read and verified before anything is done.

use flow::Interrupt;
use hyperlayer::{Error, Records};

use crate::chain::{Chain, Rules};
use crate::link::Link;
use crate::sources::Sources;

/// Reads and verifies all streams up to the chain's end, and asks `accept` of each, with the number of
/// streams before it; nothing has been read of its records then. `sources` must be files: they stay where
/// they are. Where a cut is accepted, any damage ends it as well.
///
/// # Errors
/// As [`Chain::next`], those of `accept`, and [`Refusal::Usage`](flow::Refusal::Usage) where records must
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
            // What is sound of it is applied all the same: it leads back so far.
            Err(error) if rules.accepts_cut && error.is::<Error>() => return Ok(()),
            next => next?,
        };
    }
    Ok(())
}
