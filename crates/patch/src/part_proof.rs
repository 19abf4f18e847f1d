//! Proves that a part holds the beginning of a stream, and everywhere else what the base does.

use anyhow::Context;
use blockio::{Device, Range};
use flow::{Interrupt, Interruptible, Refusal};
use hyperlayer::Held;
use lvm::{DeviceMapper, ThinDevice};
use thinmeta::ThinId;

use crate::difference::first_difference;
use crate::holes::with_metadata;

/// A thin volume that is open for reading.
pub(crate) struct OpenThin<'a> {
    pub(crate) name: String,
    pub(crate) thin: &'a ThinDevice,
    pub(crate) device: &'a Device,
    /// In bytes.
    pub(crate) size: u64,
}

/// Proves a part. In the ranges that are `held` its digests decide. Everywhere else it must hold what the base
/// does: where the pool's metadata maps both to the same chunks it does, and the rest is compared.
///
/// # Errors
/// [`Refusal::base_mismatch`] if it holds anything else; an error if one of the two cannot be read.
pub(crate) fn prove_part(
    dm: &DeviceMapper,
    part: &OpenThin<'_>,
    base: Option<&OpenThin<'_>>,
    held: &[Held],
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    let source = Interruptible { source: part.device, interrupt };
    match baseproof::verify_held(&source, held, &|| interrupt.check()) {
        Ok(()) => {}
        Err(error) if error.is_mismatch() => {
            return Err(Refusal::base_mismatch(format!(
                "{} does not hold the beginning of the stream: {error}",
                part.name
            ))
            .into());
        }
        Err(error) => return Err(anyhow::Error::new(error).context(part.name.clone())),
    }
    let differing = differing(dm, part, base, interrupt)?;
    let others = outside(differing, held, part.size);
    let other = base.map(|base| (base.device, base.size));
    let place = first_difference(part.device, other, &others, interrupt);
    match place.with_context(|| part.name.clone())? {
        None => Ok(()),
        Some(place) => Err(Refusal::base_mismatch(format!(
            "{} holds more than the beginning of the stream: it differs from {} near offset {place}",
            part.name,
            base.map_or("an empty volume", |base| &base.name)
        ))
        .into()),
    }
}

/// Where the metadata maps the two to different chunks; all of the part if it cannot be read.
fn differing(
    dm: &DeviceMapper,
    part: &OpenThin<'_>,
    base: Option<&OpenThin<'_>>,
    interrupt: &Interrupt,
) -> anyhow::Result<Vec<Range>> {
    let everything = || vec![Range { offset: 0, length: part.size }];
    // What is unmapped reads as the origin, which is the same one only for two snapshots of each other.
    if part.thin.table.external_origin.is_some() {
        return Ok(everything());
    }
    let found = with_metadata(dm, part.thin, interrupt, |metadata, id| {
        let chunk_size = metadata.superblock().data_block_size();
        let range = |begin: u64, length: u64| Range {
            offset: begin.saturating_mul(chunk_size),
            length: length.saturating_mul(chunk_size),
        };
        Ok(match base {
            Some(base) => {
                let base = ThinId::try_from(u64::from(base.thin.table.id))?;
                let extents = metadata.delta(base, id)?;
                extents
                    .map(|extent| extent.map(|extent| range(extent.begin, extent.length)))
                    .collect::<Result<_, _>>()?
            }
            None => {
                let runs = metadata.mappings(id)?;
                runs.runs()
                    .map(|run| run.map(|run| range(run.begin, run.length)))
                    .collect::<Result<_, _>>()?
            }
        })
    })?;
    Ok(found.unwrap_or_else(everything))
}

/// What of some ranges no held range covers, as far as a volume of `size` bytes goes.
fn outside(ranges: Vec<Range>, held: &[Held], size: u64) -> Vec<Range> {
    let mut others = Vec::new();
    let mut held = held.iter().peekable();
    for range in ranges {
        let end = range.offset.saturating_add(range.length).min(size);
        let mut place = range.offset;
        while place < end {
            let Some(next) = held.peek() else {
                others.push(Range { offset: place, length: end - place });
                break;
            };
            let held_end = next.offset.saturating_add(next.length);
            if held_end <= place {
                held.next();
            } else if next.offset <= place {
                place = held_end;
            } else {
                let until = next.offset.min(end);
                others.push(Range { offset: place, length: until - place });
                place = until;
            }
        }
    }
    others
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_held_range_covers_is_left() {
        let range = |(offset, length)| Range { offset, length };
        let of = |ranges: &[(u64, u64)], held: &[(u64, u64)], size| {
            let held: Vec<_> = held
                .iter()
                .map(|&(offset, length)| Held { offset, length, digest: [0; 32] })
                .collect();
            let left = outside(ranges.iter().copied().map(range).collect(), &held, size);
            left.iter().map(|range| (range.offset, range.length)).collect::<Vec<_>>()
        };
        assert_eq!(of(&[(0, 10), (20, 10)], &[(0, 10), (20, 10)], 100), []);
        assert_eq!(of(&[(0, 10)], &[], 100), [(0, 10)]);
        assert_eq!(of(&[(0, 10)], &[(2, 3), (7, 1)], 100), [(0, 2), (5, 2), (8, 2)]);
        assert_eq!(of(&[(0, 10), (20, 10)], &[(5, 20)], 100), [(0, 5), (25, 5)]);
        assert_eq!(of(&[(0, 10)], &[(20, 5)], 100), [(0, 10)]);
        assert_eq!(of(&[(0, 1000)], &[(0, 50)], 100), [(50, 50)]);
    }
}
