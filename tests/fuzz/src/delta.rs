//! A whole metadata device: its devices, their mappings, and what differs between two of them.

use std::collections::BTreeMap;

use thinmeta::{Extent, ExtentKind, Mappings, Metadata, Relation, Result, ThinId, View};

use crate::image::{self, Counting};

/// Thin block to data block.
type Map = BTreeMap<u64, u64>;

/// Reads everything that an image says, in every way.
pub fn run(input: &[u8]) {
    let (mode, input) = crate::mode(input);
    let image = image::expand(input, mode);
    let reader = Counting::new(&image);
    for view in [View::Live, View::Held] {
        if let Ok(metadata) = Metadata::open(&reader, image.len() as u64, view) {
            read(&metadata, &reader);
        }
        reader.expect_few();
    }
}

fn read(metadata: &Metadata<&Counting<'_>>, reader: &Counting<'_>) {
    let devices = metadata.devices();
    reader.expect_few();
    let known = devices.iter().flatten().map(|device| device.id);
    if let Ok(devices) = &devices {
        assert!(devices.windows(2).all(|two| two[0].id < two[1].id), "devices out of order");
    }
    let mut ids: Vec<_> = known.chain((1..3).filter_map(|id| ThinId::try_from(id).ok())).collect();
    ids.dedup();
    ids.truncate(4);
    let maps: Vec<_> = ids
        .iter()
        .map(|id| {
            let map = map(metadata, *id);
            reader.expect_few();
            if let (Ok(map), Ok(mappings)) = (&map, metadata.mappings(*id)) {
                check_ways(&mappings, map);
            }
            _ = reader.take();
            map
        })
        .collect();
    for (base, old) in ids.iter().zip(&maps) {
        for (target, new) in ids.iter().zip(&maps) {
            let delta: Result<Vec<_>> =
                metadata.delta(*base, *target).and_then(|delta| delta.collect());
            reader.expect_few();
            if let Ok(delta) = &delta {
                check_order(delta);
            }
            // Damage in what both share is not seen by a delta, so it may succeed where these do not.
            if let (Ok(old), Ok(new)) = (old, new) {
                let delta = delta.expect("both devices' mappings can be read");
                assert_eq!(differences(old, new), blocks(&delta), "{base:?} to {target:?}");
                check_comparison(metadata, (*base, old), (*target, new));
            }
            _ = reader.take();
        }
    }
}

fn map(metadata: &Metadata<&Counting<'_>>, id: ThinId) -> Result<Map> {
    let (mut map, mut last) = (Map::new(), None);
    for mapping in metadata.mappings(id)?.iter() {
        let (thin, data) = mapping?;
        assert!(last < Some(thin.get()), "thin block {} out of order", thin.get());
        last = Some(thin.get());
        map.insert(thin.get(), data.get());
    }
    Ok(map)
}

/// Holds every other way to a device's mappings against the list of them.
fn check_ways(mappings: &Mappings<'_, &Counting<'_>>, map: &Map) {
    let all = |runs: thinmeta::Runs<'_, _>| -> Vec<(u64, u64)> {
        runs.map(|run| run.expect("the mappings can be read"))
            .map(|run| (run.begin, run.length))
            .collect()
    };
    let keys = || map.keys().copied();
    assert_eq!(all(mappings.runs()), joined(keys()), "runs");
    let placed = all(mappings.placed_runs());
    assert!(placed.iter().flat_map(|&(begin, length)| each(begin, length)).eq(keys()), "placed");
    let middle = keys().nth(map.len() / 2).unwrap_or(7);
    let rest = all(mappings.runs_from(middle.into()));
    assert_eq!(rest, joined(keys().filter(|key| *key >= middle)), "runs from {middle}");
    assert_eq!(mappings.last().expect("it can be read"), keys().next_back(), "the last");
    let some = mappings.quantile(0.4).expect("it can be read");
    assert!(some.is_none_or(|block| map.contains_key(&block)), "a quantile that is not mapped");
    for block in keys().take(4).chain([middle.wrapping_add(1), 0, u64::MAX]) {
        let found = mappings.get(block.into()).expect("it can be read").map(|data| data.get());
        assert_eq!(found, map.get(&block).copied(), "block {block}");
    }
    let end = middle.saturating_add(9);
    let part = mappings.range(middle..end).expect("it can be read");
    let part = part.map(|mapping| mapping.expect("it can be read"));
    let part = part.map(|(thin, data)| (thin.get(), data.get()));
    assert!(part.eq(map.range(middle..end).map(|(thin, data)| (*thin, *data))), "a range");
}

fn check_order(delta: &[Extent]) {
    let mut next = Some(0);
    let mut before = None;
    for extent in delta {
        assert!(extent.length > 0, "an empty extent");
        let in_order = next.is_some_and(|next| {
            // Neighbours of one kind are joined.
            extent.begin > next || extent.begin == next && before != Some(extent.kind)
        });
        assert!(in_order, "{extent:?} follows what ends at {next:?}");
        next = extent.begin.checked_add(extent.length);
        assert!(next.is_some() || extent.length.wrapping_add(extent.begin) == 0, "{extent:?}");
        before = Some(extent.kind);
    }
}

/// The blocks that differ, from the two lists.
fn differences(old: &Map, new: &Map) -> Vec<(u64, ExtentKind)> {
    let mut found = BTreeMap::new();
    for block in old.keys().filter(|block| !new.contains_key(block)) {
        found.insert(*block, ExtentKind::Unmapped);
    }
    for (block, _) in new.iter().filter(|(block, data)| old.get(block) != Some(data)) {
        found.insert(*block, ExtentKind::Changed);
    }
    found.into_iter().collect()
}

fn blocks(delta: &[Extent]) -> Vec<(u64, ExtentKind)> {
    let blocks = |&Extent { begin, length, kind }: &Extent| {
        each(begin, length).map(move |block| (block, kind))
    };
    delta.iter().flat_map(blocks).collect()
}

fn check_comparison(
    metadata: &Metadata<&Counting<'_>>,
    (base, old): (ThinId, &Map),
    (target, new): (ThinId, &Map),
) {
    let stretches = metadata.compare(base, target).expect("both can be read");
    let mut found = Vec::new();
    for stretch in stretches {
        let stretch = stretch.expect("both can be read");
        found.extend(each(stretch.begin, stretch.length).map(|block| (block, stretch.relation)));
    }
    let mut all: Vec<_> = old.keys().chain(new.keys()).copied().collect();
    all.sort_unstable();
    all.dedup();
    let relation = |block| match (old.get(&block), new.get(&block)) {
        (Some(old), Some(new)) if old == new => Relation::Same,
        (Some(_), Some(_)) => Relation::Different,
        (Some(_), None) => Relation::BaseOnly,
        _ => Relation::TargetOnly,
    };
    assert!(all.into_iter().map(|block| (block, relation(block))).eq(found), "a comparison");
}

/// The blocks of a run, which may end at 2^64.
fn each(begin: u64, length: u64) -> impl Iterator<Item = u64> {
    // As many as the image has entries, at the most: it is one that was found.
    (0..length).map(move |index| begin + index)
}

/// Blocks as runs.
fn joined(blocks: impl Iterator<Item = u64>) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for block in blocks {
        match runs.last_mut() {
            Some((begin, length)) if begin.checked_add(*length) == Some(block) => *length += 1,
            _ => runs.push((block, 1)),
        }
    }
    runs
}
