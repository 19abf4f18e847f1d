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

/// A run of bytes that differs, in 16 bytes: there can be many millions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    offset: u64,
    /// The length, below 2^63, and the kind in the highest bit.
    length_and_kind: u64,
}
const _: () = assert!(size_of::<Extent>() == 16);

const UNMAPPED: u64 = 1 << 63;

impl Extent {
    fn new(range: Range, kind: ExtentKind) -> Self {
        let kind = if kind == ExtentKind::Unmapped { UNMAPPED } else { 0 };
        Self { offset: range.offset, length_and_kind: range.length | kind }
    }

    pub(crate) fn range(self) -> Range {
        Range { offset: self.offset, length: self.length_and_kind & !UNMAPPED }
    }

    pub(crate) fn kind(self) -> ExtentKind {
        match self.length_and_kind & UNMAPPED {
            0 => ExtentKind::Changed,
            _ => ExtentKind::Unmapped,
        }
    }

    /// Takes in what follows it at once and is of its kind.
    fn extend(&mut self, range: Range, kind: ExtentKind) -> bool {
        let own = self.range();
        let joins = self.kind() == kind && own.offset + own.length == range.offset;
        if joins {
            self.length_and_kind += range.length;
        }
        joins
    }
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
        if !extents.last_mut().is_some_and(|last| last.extend(range, kind)) {
            extents.push(Extent::new(range, kind));
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
        let of_kind = self.extents.iter().filter(|extent| extent.kind() == kind);
        of_kind.map(|extent| extent.range().length).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extent_keeps_its_range_and_kind_and_grows() {
        let range = |offset, length| Range { offset, length };
        for kind in [ExtentKind::Changed, ExtentKind::Unmapped] {
            let mut extent = Extent::new(range(u64::MAX, 1 << 62), kind);
            assert_eq!((extent.range(), extent.kind()), (range(u64::MAX, 1 << 62), kind));
            extent = Extent::new(range(512, 512), kind);
            assert!(extent.extend(range(1024, 512), kind));
            assert!(!extent.extend(range(2048, 512), kind));
            let other = match kind {
                ExtentKind::Changed => ExtentKind::Unmapped,
                ExtentKind::Unmapped => ExtentKind::Changed,
            };
            assert!(!extent.extend(range(1536, 512), other));
            assert_eq!((extent.range(), extent.kind()), (range(512, 1024), kind));
        }
    }

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
