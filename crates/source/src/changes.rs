//! [`Changes`]: everything that a run needs from the metadata, as plain values.

use std::io;

use anyhow::Context;
use baseproof::Mapped;
use blockio::{Range, ReadAt};
use thinmeta::{ExtentKind, Metadata, ThinId};

use crate::extent::Extent;
use crate::series::Series;
use crate::sums::Sums;
use crate::wants::Wants;

/// A thin device, with the facts that its metadata does not contain.
pub struct Side {
    /// Its thin id.
    pub id: ThinId,
    /// The volume's size in bytes.
    pub size: u64,
    /// Whether unmapped chunks read as its external origin rather than as zeros.
    pub external_origin: bool,
}

/// What differs, and which parts of the base prove it.
pub struct Changes {
    /// The pool's chunk size in bytes.
    pub chunk_size: u64,
    /// In ascending order, within the target's size.
    pub extents: Series<Extent>,
    /// The ranges of the base to take digests of, at detect levels 1 and 2.
    pub sample: Vec<Range>,
    /// The mapped ranges of the base, if wanted; `None` if all of it must be read.
    pub mapped: Option<Series<Range>>,
    /// As [`thinmeta::Delta::newest`]; `None` if unknown.
    pub(crate) newest: Option<u64>,
}

/// Reads what changed.
///
/// Without a base, everything mapped in the target counts as changed. A base of a different size is compared
/// up to the smaller size. After its end the base counts as empty, whatever its tree says: a volume that
/// shrank keeps its mappings there, and they show again if it grows.
///
/// # Errors
/// If the metadata cannot be read or is damaged; also as [`Changes::add`].
pub(crate) fn collect<R: ReadAt>(
    metadata: &Metadata<R>,
    base: Option<&Side>,
    target: &Side,
    wants: &Wants,
) -> anyhow::Result<Changes> {
    let mut changes = Changes::new(metadata.superblock().data_block_size());
    changes.newest = differences(metadata, base, target, |range, kind| changes.add(range, kind))?;
    if let Some(base) = base {
        changes.prove(metadata, base, wants)?;
    }
    Ok(changes)
}

/// Counts what changed, as [`collect`] finds it, and holds none of it.
///
/// # Errors
/// If the metadata cannot be read or is damaged.
pub(crate) fn count<R: ReadAt>(
    metadata: &Metadata<R>,
    base: &Side,
    target: &Side,
) -> anyhow::Result<Sums> {
    let (mut sums, mut open) = (Sums::default(), None::<Extent>);
    differences(metadata, Some(base), target, |range, kind| {
        if !open.as_mut().is_some_and(|last| last.extend(range, kind))
            && let Some(last) = open.replace(Extent::new(range, kind))
        {
            sums.add(last);
        }
        Ok(())
    })?;
    open.into_iter().for_each(|last| sums.add(last));
    Ok(sums)
}

/// Calls `found` for each range that differs, in ascending order. Neighbours of one kind may come one by one.
/// Returns [`thinmeta::Delta::newest`], if there is a base.
fn differences<R: ReadAt>(
    metadata: &Metadata<R>,
    base: Option<&Side>,
    target: &Side,
    mut found: impl FnMut(Range, ExtentKind) -> io::Result<()>,
) -> anyhow::Result<Option<u64>> {
    let mut newest = None;
    let chunk_size = metadata.superblock().data_block_size();
    // Both volumes are at least this long.
    let common = base.map_or(0, |base| base.size.min(target.size));
    if let Some(base) = base {
        let mut delta = metadata.delta(base.id, target.id)?;
        for extent in &mut delta {
            let extent = extent?;
            let Some(range) = in_volume(extent.begin, extent.length, chunk_size, common) else {
                break;
            };
            // With an external origin, unmapped chunks must be read like the rest.
            let kind = if target.external_origin { ExtentKind::Changed } else { extent.kind };
            found(range, kind)?;
        }
        newest = delta.newest();
    }
    if common == target.size {
        return Ok(newest);
    }
    if target.external_origin {
        found(Range { offset: common, length: target.size - common }, ExtentKind::Changed)?;
        return Ok(newest);
    }
    for run in metadata.mappings(target.id)?.runs_from((common / chunk_size).into()) {
        let run = run.context("the volume's mappings")?;
        let Some(range) = in_volume(run.begin, run.length, chunk_size, target.size) else { break };
        // The chunk in which the base ends is new only after that end.
        let offset = range.offset.max(common);
        let length = range.offset + range.length - offset;
        found(Range { offset, length }, ExtentKind::Changed)?;
    }
    Ok(newest)
}

/// A run of chunks as a range of bytes, cut at the volume's end; `None` if it lies entirely after that.
pub(crate) fn in_volume(begin: u64, length: u64, chunk_size: u64, size: u64) -> Option<Range> {
    let offset = begin.checked_mul(chunk_size).filter(|&offset| offset < size)?;
    let length = length.saturating_mul(chunk_size).min(size - offset);
    Some(Range { offset, length })
}

impl Changes {
    /// No changes yet, with chunks of this many bytes.
    pub fn new(chunk_size: u64) -> Self {
        let extents = Series::default();
        Self { chunk_size, extents, sample: vec![], mapped: None, newest: None }
    }

    /// Adds the next difference.
    ///
    /// # Errors
    /// If the temporary file, which is used for very many differences, cannot be created or written.
    pub fn add(&mut self, range: Range, kind: ExtentKind) -> io::Result<()> {
        match self.extents.last_mut().is_some_and(|last| last.extend(range, kind)) {
            true => Ok(()),
            false => self.extents.push(Extent::new(range, kind)),
        }
    }

    /// Chooses which parts of the base will prove it.
    fn prove<R: ReadAt>(
        &mut self,
        metadata: &Metadata<R>,
        base: &Side,
        wants: &Wants,
    ) -> anyhow::Result<()> {
        let mappings = metadata.mappings(base.id)?;
        let (chunk_size, level) = (self.chunk_size, wants.detect_level);
        if matches!(level, 1 | 2) {
            self.sample = baseproof::positions(level, base.size, chunk_size, |fraction| {
                mappings.quantile(fraction)
            })?;
        }
        if (level == 3 || wants.base_mapped) && !base.external_origin {
            let mut ranges = Series::default();
            for run in mappings.runs() {
                let run = run.context("the base's mappings")?;
                match in_volume(run.begin, run.length, chunk_size, base.size) {
                    Some(range) => ranges.push(range)?,
                    None => break,
                }
            }
            self.mapped = Some(ranges);
        }
        Ok(())
    }

    /// The mapped ranges of the base, in the form that its digests need.
    pub fn mapped(&self) -> Option<Mapped<'_>> {
        self.mapped.as_ref().map(|ranges| Box::new(ranges.iter()) as Mapped<'_>)
    }

    /// How many bytes of the target are of this kind.
    ///
    /// # Errors
    /// If the extents are in a file that cannot be read.
    pub fn bytes(&self, kind: ExtentKind) -> io::Result<u64> {
        let length = |extent: Extent| if extent.kind() == kind { extent.range().length } else { 0 };
        self.extents.iter().map(|extent| extent.map(length)).sum()
    }

    /// The total size in bytes of the chunks in which something changed, within a volume of `size` bytes:
    /// the program that applies the stream makes room for that much. An extent can begin inside a chunk,
    /// where the base ended.
    ///
    /// # Errors
    /// As [`Changes::bytes`].
    pub fn announced(&self, size: u64) -> io::Result<u64> {
        let (mut end, mut bytes) = (0, 0);
        for extent in &self.extents {
            let extent = extent?;
            if extent.kind() != ExtentKind::Changed {
                continue;
            }
            let Range { offset, length } = extent.range();
            let begin = (offset - offset % self.chunk_size).max(end);
            end = (offset + length).next_multiple_of(self.chunk_size).min(size);
            bytes += end - begin;
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use thinmeta::View;
    use thinmeta::testing::{Pool, Shape};

    use super::*;

    const CHUNK: u64 = 65536;
    /// Sizes are multiples of this, so volumes also end inside chunks.
    const UNIT: u64 = CHUNK / 4;

    /// What happens to a volume; writes and discards past its end do nothing.
    #[derive(Clone, Debug)]
    enum Step {
        Write(u64),
        Discard(u64),
        Resize(u64),
    }

    fn history() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            6 => (0..40_u64).prop_map(Step::Write),
            3 => (0..40_u64).prop_map(Step::Discard),
            2 => (0..160_u64).prop_map(Step::Resize),
        ];
        prop::collection::vec(step, 0..60)
    }

    /// The expected volume: its size, and the write that each of its chunks comes from. Chunks past its
    /// end are kept.
    #[derive(Clone, Default)]
    struct Model {
        size: u64,
        chunks: BTreeMap<u64, u64>,
    }

    impl Model {
        fn run(&mut self, pool: &mut Pool, history: &[Step], writes: &mut u64) {
            for step in history {
                match *step {
                    Step::Resize(units) => self.size = units * UNIT,
                    Step::Write(chunk) if chunk * CHUNK < self.size => {
                        pool.write(1, chunk);
                        *writes += 1;
                        self.chunks.insert(chunk, *writes);
                    }
                    // The kernel skips a chunk that the volume's end cuts off.
                    Step::Discard(chunk) if (chunk + 1) * CHUNK <= self.size => {
                        pool.discard(1, chunk);
                        self.chunks.remove(&chunk);
                    }
                    Step::Write(_) | Step::Discard(_) => {}
                }
            }
        }

        /// What each unit up to `size` reads as: the write that it comes from, or 0 for a hole.
        fn content(&self, size: u64) -> Vec<u64> {
            let unit = |unit: u64| match unit * UNIT < self.size {
                true => self.chunks.get(&(unit * UNIT / CHUNK)).copied().unwrap_or(0),
                false => 0,
            };
            (0..size / UNIT).map(unit).collect()
        }
    }

    fn side(id: u64, size: u64, external_origin: bool) -> Side {
        Side { id: id.try_into().unwrap(), size, external_origin }
    }

    /// The kind of each unit of the target. The extents must ascend, and neighbours of one kind must be joined.
    fn units(changes: &Changes, size: u64) -> Vec<Option<ExtentKind>> {
        let mut units = vec![None; (size / UNIT) as usize];
        let mut before: Option<Extent> = None;
        for extent in &changes.extents {
            let extent = extent.unwrap();
            let (range, kind) = (extent.range(), extent.kind());
            if let Some(before) = before {
                let end = before.range().offset + before.range().length;
                assert!(end < range.offset || (end == range.offset && before.kind() != kind));
            }
            assert!(range.length > 0 && range.offset % UNIT == 0 && range.length % UNIT == 0);
            let (begin, length) = (range.offset / UNIT, range.length / UNIT);
            units[begin as usize..(begin + length) as usize].fill(Some(kind));
            before = Some(extent);
        }
        units
    }

    fn wants(detect_level: u8) -> Wants {
        Wants { detect_level, ..Wants::default() }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]


    #[test]
        fn sizes_and_histories_of_any_kind(
            before in history(),
            base_units in 0..160_u64,
            after in history(),
            target_units in prop::option::of(0..160_u64),
            external_origin in any::<bool>(),
        ) {
            let mut pool = Pool::new(Shape { data_block_sectors: 128, max_entries: 6 });
            pool.create(1);
            let (mut target, mut writes) = (Model { size: 160 * UNIT, ..Model::default() }, 0);
            target.run(&mut pool, &before, &mut writes);
            target.size = base_units * UNIT;
            let base = target.clone();
            pool.snapshot(1, 2);
            target.run(&mut pool, &after, &mut writes);
            target.size = target_units.map_or(target.size, |units| units * UNIT);
            let image = pool.image();
            let metadata = Metadata::open(&image[..], image.len() as u64, View::Live).unwrap();

            for ((base, base_id), (target, id)) in [((&base, 2), (&target, 1)), ((&target, 1), (&base, 2))] {
                let sides = [side(base_id, base.size, external_origin), side(id, target.size, external_origin)];
                let changes = collect(&metadata, Some(&sides[0]), &sides[1], &wants(3)).unwrap();
                let (old, new) = (base.content(target.size), target.content(target.size));
                let expected = (0..).zip(old.iter().zip(&new)).map(|(unit, (old, new))| {
                    let behind = unit * UNIT >= base.size;
                    match (old == new, *new) {
                        (false, 0) if !external_origin => Some(ExtentKind::Unmapped),
                        (false, _) => Some(ExtentKind::Changed),
                        // After its end the base does not even read as its external origin.
                        (true, _) if behind && external_origin => Some(ExtentKind::Changed),
                        (true, _) => None,
                    }
                });
                prop_assert_eq!(units(&changes, target.size), expected.collect::<Vec<_>>());
                // Counted without being held: the same.
                let counted = count(&metadata, &sides[0], &sides[1]).unwrap();
                prop_assert_eq!(counted, Sums::of(&changes.extents).unwrap());
                // The mapped ranges of the base, for its proof.
                let mapped = changes.mapped.as_ref().map(|ranges| {
                    let ranges: Vec<_> = ranges.iter().map(Result::unwrap).collect();
                    let inside = |unit: u64| ranges.iter().any(|range| {
                        (range.offset..range.offset + range.length).contains(&(unit * UNIT))
                    });
                    (0..base.size / UNIT).map(inside).collect::<Vec<_>>()
                });
                let holes = base.content(base.size).into_iter().map(|write| write != 0);
                prop_assert_eq!(mapped, (!external_origin).then(|| holes.collect()));

                let full = collect(&metadata, None, &sides[1], &wants(0)).unwrap();
                let mapped = |write: &u64| {
                    (*write != 0 || external_origin).then_some(ExtentKind::Changed)
                };
                prop_assert_eq!(units(&full, target.size), new.iter().map(mapped).collect::<Vec<_>>());
                prop_assert!(full.sample.is_empty() && full.mapped.is_none());
            }
        }
    }

    #[test]
    fn what_a_volume_shows_again_after_it_shrank_and_grew_has_changed() {
        let mut pool = Pool::new(Shape::default());
        pool.create(1);
        (0..8).for_each(|chunk| pool.write(1, chunk));
        pool.discard(1, 6);
        pool.snapshot(1, 2);
        let image = pool.image();
        let metadata = Metadata::open(&image[..], image.len() as u64, View::Live).unwrap();
        // No mapping differs, but the base ends within its fourth chunk.
        let base = side(2, 3 * CHUNK + 512, false);
        let changes =
            collect(&metadata, Some(&base), &side(1, 8 * CHUNK, false), &wants(0)).unwrap();
        let range = |offset, length| Range { offset, length };
        let expected = [range(3 * CHUNK + 512, 3 * CHUNK - 512), range(7 * CHUNK, CHUNK)]
            .map(|range| Extent::new(range, ExtentKind::Changed));
        assert_eq!(changes.extents.iter().map(Result::unwrap).collect::<Vec<_>>(), expected);
    }

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
    fn whole_chunks_are_announced() {
        let extent = |offset, length| Extent::new(Range { offset, length }, ExtentKind::Changed);
        let unmapped = Extent::new(Range { offset: 512, length: 512 }, ExtentKind::Unmapped);
        let mut changes = Changes::new(1024);
        for extent in [extent(1536, 512), unmapped, extent(2048, 512), extent(3072, 512)] {
            changes.extents.push(extent).unwrap();
        }
        assert_eq!(changes.announced(1 << 20).unwrap(), 3072);
        // The volume ends inside the last chunk.
        assert_eq!(changes.announced(3584).unwrap(), 1024 + 1024 + 512);
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
