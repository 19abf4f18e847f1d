//! Reads what is wanted from the metadata of a pair.

use blockio::ReadAt;
use thinmeta::Metadata;

use crate::changes::{Changes, Side, collect};
use crate::compared::Compared;
use crate::wants::Wants;

/// Reads everything wanted from the metadata.
///
/// # Errors
/// If it cannot be read or is damaged.
pub(crate) fn read<R: ReadAt>(
    metadata: &Metadata<R>,
    base: Option<&Side>,
    target: &Side,
    wants: &Wants,
) -> anyhow::Result<(Changes, Option<Compared>)> {
    let changes = collect(metadata, base, target, wants)?;
    let compared = match wants.comparison {
        true => Some(Compared::collect(metadata, base, target)?),
        false => None,
    };
    Ok((changes, compared))
}
