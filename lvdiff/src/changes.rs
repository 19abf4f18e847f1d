//! [`Changes`]: all that a run needs of the metadata, as plain values.

use anyhow::Context;
use baseproof::Range;
use blockio::ReadAt;
use thinmeta::{ExtentKind, Metadata, ThinId};

/// A thin device, as far as its metadata does not say it.
pub(crate) struct Side {
    pub(crate) id: ThinId,
    /// The volume's size in bytes.
    pub(crate) size: u64,
    /// Where it is unmapped, it reads as its external origin, not as zeros.
    pub(crate) external_origin: bool,
}

/// A run of bytes that differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) range: Range,
    pub(crate) kind: ExtentKind,
}

/// What differs, and what the base is to be proved by.
pub(crate) struct Changes {
    /// The pool's chunk size in bytes.
    pub(crate) chunk_size: u64,
    /// In ascending order, within the target's size.
    pub(crate) extents: Vec<Extent>,
    /// The ranges of the base that its digests are of, at detect levels 1 and 2.
    pub(crate) sample: Vec<Range>,
    /// What is mapped in the base, at detect level 3; `None` where all of it must be read.
    pub(crate) mapped: Option<Vec<Range>>,
}

/// Reads all that is needed of the metadata. Memory follows the number of extents.
pub(crate) fn collect<R: ReadAt>(
    metadata: &Metadata<R>,
    base: &Side,
    target: &Side,
    detect_level: u8,
) -> anyhow::Result<Changes> {
    let chunk_size = metadata.superblock().data_block_size();
    let mut extents: Vec<Extent> = Vec::new();
    for extent in metadata.delta(base.id, target.id)? {
        let extent = extent?;
        let Some(range) = in_volume(extent.begin, extent.length, chunk_size, target.size) else {
            break; // past the end of a volume that was shrunk
        };
        // With an external origin, what is unmapped must be read like the rest.
        let kind = if target.external_origin { ExtentKind::Changed } else { extent.kind };
        match extents.last_mut() {
            Some(last)
                if last.kind == kind && last.range.offset + last.range.length == range.offset =>
            {
                last.range.length += range.length;
            }
            _ => extents.push(Extent { range, kind }),
        }
    }
    let mappings = metadata.mappings(base.id)?;
    let mut sample = Vec::new();
    let mut mapped = None;
    match detect_level {
        0 => {}
        1 | 2 => {
            sample = baseproof::positions(detect_level, base.size, chunk_size, |fraction| {
                mappings.quantile(fraction)
            })?;
        }
        _ if base.external_origin => {}
        _ => {
            let mut ranges = Vec::new();
            for run in mappings.runs() {
                let run = run.context("the base's mappings")?;
                match in_volume(run.begin, run.length, chunk_size, base.size) {
                    Some(range) => ranges.push(range),
                    None => break,
                }
            }
            mapped = Some(ranges);
        }
    }
    Ok(Changes { chunk_size, extents, sample, mapped })
}

/// A run of chunks as a range of bytes, as far as it lies within the volume.
fn in_volume(begin: u64, length: u64, chunk_size: u64, size: u64) -> Option<Range> {
    let offset = begin.checked_mul(chunk_size).filter(|&offset| offset < size)?;
    let length = length.saturating_mul(chunk_size).min(size - offset);
    Some(Range { offset, length })
}

impl Changes {
    /// How many bytes of the target are of this kind.
    pub(crate) fn bytes(&self, kind: ExtentKind) -> u64 {
        let of_kind = self.extents.iter().filter(|extent| extent.kind == kind);
        of_kind.map(|extent| extent.range.length).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_past_the_end_is_cut_off() {
        let range = |offset, length| Some(Range { offset, length });
        assert_eq!(in_volume(2, 3, 65536, 1 << 20), range(131_072, 196_608));
        assert_eq!(in_volume(15, 3, 65536, 1 << 20), range(983_040, 65536));
        assert_eq!(in_volume(15, 1, 65536, 983_552), range(983_040, 512));
        assert_eq!(in_volume(16, 1, 65536, 1 << 20), None);
        assert_eq!(in_volume(u64::MAX, 1, 65536, 1 << 20), None);
        assert_eq!(in_volume(0, u64::MAX, 65536, 1 << 20), range(0, 1 << 20));
    }
}
