//! The delta and the mappings of pools with random histories, and what reading them costs.

mod common;

use std::collections::BTreeMap;

use common::{Counting, Map, delta, dump, id, mappings, obvious_delta, open};
use proptest::prelude::*;
use thinmeta::testing::{Pool, Shape};
use thinmeta::{Extent, ExtentKind, Metadata, View};

const SMALL: Shape = Shape { data_block_sectors: 128, max_entries: 6 };

/// One step of a history. Devices are chosen by their place among those that there are.
#[derive(Clone, Debug)]
enum Step {
    Create(Vec<u64>),
    Snapshot(usize),
    Write {
        device: usize,
        begin: u64,
        length: u64,
    },
    Discard {
        device: usize,
        begin: u64,
        length: u64,
    },
    /// The same data blocks again, at a later time.
    Touch {
        device: usize,
        begin: u64,
        length: u64,
    },
    Delete(usize),
    Hold,
}

fn step() -> impl Strategy<Value = Step> {
    // A small range, so that blocks meet, and the highest blocks that there are.
    let begin = || prop_oneof![4 => 0..300_u64, 1 => u64::MAX - 20..=u64::MAX];
    let range = || (any::<usize>(), begin(), prop_oneof![3 => 1..6_u64, 1 => 1..150_u64]);
    prop_oneof![
        1 => prop::collection::btree_set(begin(), 0..200)
            .prop_map(|blocks| Step::Create(blocks.into_iter().collect())),
        3 => any::<usize>().prop_map(Step::Snapshot),
        8 => range().prop_map(|(device, begin, length)| Step::Write { device, begin, length }),
        6 => range().prop_map(|(device, begin, length)| Step::Discard { device, begin, length }),
        1 => range().prop_map(|(device, begin, length)| Step::Touch { device, begin, length }),
        1 => any::<usize>().prop_map(Step::Delete),
        1 => Just(Step::Hold),
    ]
}

/// A pool, and what should be in it.
struct Run {
    pool: Pool,
    devices: BTreeMap<u32, Map>,
    held: Option<BTreeMap<u32, Map>>,
    next_data_block: u64,
}

fn run(history: &[Step]) -> Run {
    let pool = Pool::new(SMALL);
    let mut run = Run { pool, devices: BTreeMap::new(), held: None, next_data_block: 0 };
    let first = Step::Create((0..100).collect());
    for (step, new) in [first].iter().chain(history).zip(1..) {
        run.take(step, new);
    }
    run
}

impl Run {
    fn take(&mut self, step: &Step, new: u32) {
        let choose = |place: &usize| *self.devices.keys().nth(place % self.devices.len()).unwrap();
        let blocks = |begin: u64, length| begin..=begin.saturating_add(length);
        match step {
            Step::Create(blocks) => {
                let map: Map = blocks.iter().copied().zip(self.next_data_block..).collect();
                self.next_data_block += map.len() as u64;
                self.pool.create_with(new, map.clone());
                self.devices.insert(new, map);
            }
            Step::Snapshot(origin) => {
                let origin = choose(origin);
                self.pool.snapshot(origin, new);
                self.devices.insert(new, self.devices[&origin].clone());
            }
            Step::Write { device, begin, length } => {
                let device = choose(device);
                for block in blocks(*begin, *length) {
                    self.pool.map(device, block, self.next_data_block);
                    self.devices.get_mut(&device).unwrap().insert(block, self.next_data_block);
                    self.next_data_block += 1;
                }
            }
            Step::Discard { device, begin, length } => {
                let device = choose(device);
                for block in blocks(*begin, *length) {
                    self.pool.discard(device, block);
                    self.devices.get_mut(&device).unwrap().remove(&block);
                }
            }
            Step::Touch { device, begin, length } => {
                let device = choose(device);
                for (&block, &data) in self.devices[&device].range(blocks(*begin, *length)) {
                    self.pool.map(device, block, data);
                }
            }
            Step::Delete(device) => {
                let device = choose(device);
                if self.devices.len() > 1 {
                    self.pool.delete(device);
                    self.devices.remove(&device);
                }
            }
            Step::Hold => {
                self.pool.hold();
                self.held = Some(self.devices.clone());
            }
        }
    }
}

fn check_view(image: &[u8], view: View, devices: &BTreeMap<u32, Map>) {
    let metadata = Metadata::open(image, image.len() as u64, view).unwrap();
    let found = dump(&metadata);
    assert_eq!(found.keys().collect::<Vec<_>>(), devices.keys().collect::<Vec<_>>());
    for (&base, map) in devices {
        let (info, mappings) = &found[&base];
        assert_eq!((info[0], mappings), (map.len() as u64, map));
        for (&target, new) in devices {
            assert_eq!(delta(&metadata, base, target).unwrap(), obvious_delta(map, new));
        }
        let mappings = metadata.mappings(id(base)).unwrap();
        let mapped = |run: thinmeta::Run| (0..run.length).map(move |index| run.begin + index);
        let runs: Vec<_> = mappings.runs().map(Result::unwrap).collect();
        assert!(runs.iter().zip(&runs[1.min(runs.len())..]).all(|(run, next)| {
            run.begin.checked_add(run.length).is_some_and(|end| end < next.begin)
        }));
        assert!(runs.into_iter().flat_map(mapped).eq(map.keys().copied()));
        assert_eq!(mappings.last().unwrap(), map.keys().next_back().copied());
        for block in [0, 1, 50, 99, 150, 299, 301, u64::MAX - 20, u64::MAX] {
            let found = mappings.get(block.into()).unwrap().map(|data| data.get());
            assert_eq!(found, map.get(&block).copied(), "block {block}");
            for end in [block, block.saturating_add(1), block.saturating_add(60), u64::MAX] {
                let part = mappings.range(block..end).unwrap().map(Result::unwrap);
                let part = part.map(|(block, data)| (block.get(), data.get()));
                let expected = map.range(block..end).map(|(&block, &data)| (block, data));
                assert!(part.eq(expected), "blocks {block} to {end}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn any_history_reads_as_it_was_written(history in prop::collection::vec(step(), 0..30)) {
        let run = run(&history);
        let image = run.pool.image();
        check_view(&image, View::Live, &run.devices);
        if let Some(held) = &run.held {
            check_view(&image, View::Held, held);
            let live = Metadata::open(&image[..], image.len() as u64, View::Live).unwrap();
            let root = live.superblock().held_root().unwrap();
            check_view(&image, View::HeldAt(root), held);
        }
    }

    #[test]
    fn a_quantile_is_mapped_and_about_there(
        blocks in prop::collection::btree_set(0..2000_u64, 1..400),
        fraction in 0.0..=1.0_f64,
    ) {
        let mut pool = Pool::new(SMALL);
        pool.create_with(1, blocks.iter().map(|&block| (block, block)));
        let metadata = open(pool.image(), pool.image().len());
        let block = metadata.mappings(id(1)).unwrap().quantile(fraction).unwrap().unwrap();
        // Nodes of a level differ by one entry at most, which bounds how far off it is.
        let found = blocks.range(..block).count() as f64 / blocks.len() as f64;
        prop_assert!(blocks.contains(&block));
        prop_assert!((found - fraction).abs() < 0.2 + 1.0 / blocks.len() as f64, "{found} for {fraction}");
    }

    #[test]
    fn what_is_shared_is_not_read(changes in prop::collection::btree_map(0..20_000_u64, any::<bool>(), 0..20)) {
        let mut pool = Pool::new(SMALL);
        pool.create_with(1, (0..20_000).map(|block| (block, block)));
        pool.snapshot(1, 2);
        for (&block, &write) in &changes {
            if write { pool.write(1, block) } else { pool.discard(1, block) }
        }
        let height = pool.height(2);
        prop_assert!(height > 4);
        let image = pool.image();
        let reader = Counting::new(&image[..]);
        let metadata = open(&reader, image.len());
        let blocks = |kind| changes.iter().filter(move |(_, write)| **write == kind);
        let extents = delta(&metadata, 2, 1).unwrap();
        let reads = reader.reads.take();

        let count = |kind| -> u64 {
            extents.iter().filter(|extent| extent.kind == kind).map(|extent| extent.length).sum()
        };
        prop_assert_eq!(count(ExtentKind::Changed), blocks(true).count() as u64);
        prop_assert_eq!(count(ExtentKind::Unmapped), blocks(false).count() as u64);
        // Each change replaces its path, and a discard perhaps a neighbour of each node on it.
        let limit = 4 * height * changes.len() + 2 * height + 5;
        prop_assert!(reads.len() <= limit, "{} reads for {}", reads.len(), changes.len());
    }
}

#[test]
fn runs_from_a_block_on_leave_out_what_lies_before_it_unread() {
    let mut pool = Pool::new(SMALL);
    let blocks: Vec<u64> = (0..5000).filter(|block| block % 7 != 3).chain([u64::MAX]).collect();
    pool.create_with(1, blocks.iter().map(|&block| (block, block % 10_000)));
    let height = pool.height(1);
    let image = pool.image();
    let reader = Counting::new(&image[..]);
    let metadata = open(&reader, image.len());
    let runs = |from: u64| -> Vec<u64> {
        let runs = metadata.mappings(id(1)).unwrap().runs_from(from.into());
        runs.flat_map(|run| run.map(|run| run.begin..=run.begin + (run.length - 1)).unwrap())
            .collect()
    };
    for from in (0..40).chain(4980..5010).chain([2500, u64::MAX - 1, u64::MAX]) {
        let expected: Vec<u64> = blocks.iter().copied().filter(|&block| block >= from).collect();
        assert_eq!(runs(from), expected, "from {from}");
    }
    reader.reads.take();
    assert_eq!(runs(4990).first(), Some(&4990));
    // The tree of devices, measured and searched; this one, measured, and its right edge.
    let reads = reader.reads.take().len();
    assert!(reads <= 2 + 3 * height, "{reads} reads");
}

#[test]
fn what_a_device_shares_with_no_snapshot_is_newer_than_that() {
    let mut pool = Pool::new(SMALL);
    pool.create_with(1, (0..1000).map(|block| (block, block)));
    let own = |pool: &Pool, device: u32| -> Vec<(u64, u64)> {
        let image = pool.image();
        let metadata = open(&image[..], image.len());
        let devices = metadata.devices().unwrap();
        let time = devices.iter().find(|known| known.id == id(device)).unwrap().snapshotted_time;
        let runs = metadata.mappings(id(device)).unwrap().runs_since(time);
        runs.map(|run| run.map(|run| (run.begin, run.length)).unwrap()).collect()
    };
    assert_eq!(own(&pool, 1), [(0, 1000)]);
    pool.snapshot(1, 2);
    assert_eq!((own(&pool, 1), own(&pool, 2)), (vec![], vec![]));
    (10..20).chain([30, 1000]).for_each(|block| pool.write(1, block));
    pool.write(2, 40);
    assert_eq!(own(&pool, 1), [(10, 10), (30, 1), (1000, 1)]);
    assert_eq!(own(&pool, 2), [(40, 1)]);
    pool.snapshot(1, 3);
    pool.write(1, 15);
    assert_eq!(own(&pool, 1), [(15, 1)]);
}

#[test]
fn what_changed_is_as_new_as_the_last_write() {
    let mut pool = Pool::new(SMALL);
    pool.create_with(1, (0..1000).map(|block| (block, block)));
    pool.snapshot(1, 2);
    let newest = |pool: &Pool, base, target| {
        let image = pool.image();
        let metadata = open(&image[..], image.len());
        let mut delta = metadata.delta(id(base), id(target)).unwrap();
        assert!(delta.by_ref().all(|extent| extent.is_ok()));
        delta.newest()
    };
    assert_eq!(newest(&pool, 1, 2), None);
    pool.write(1, 250);
    pool.write(1, 2000);
    assert_eq!((newest(&pool, 2, 1), newest(&pool, 1, 2)), (Some(1), Some(0)));
    // Blocks that only the base has are not the target's.
    pool.snapshot(1, 3);
    pool.discard(1, 0);
    assert_eq!((newest(&pool, 3, 1), newest(&pool, 1, 3)), (None, Some(0)));
    pool.write(2, 300);
    pool.write(3, 3000);
    assert_eq!((newest(&pool, 1, 2), newest(&pool, 1, 3)), (Some(2), Some(2)));
}

#[test]
fn of_equal_trees_nothing_is_read() {
    let mut pool = Pool::new(SMALL);
    pool.create_with(1, (0..1000).map(|block| (block, block)));
    pool.snapshot(1, 2);
    let image = pool.image();
    let reader = Counting::new(&image[..]);
    let metadata = open(&reader, image.len());
    assert_eq!(delta(&metadata, 1, 2).unwrap(), []);
    let reads = reader.reads.take();
    assert!(!reads.contains(&pool.root(1)) && reads.len() <= 2, "{reads:?}");
}

#[test]
fn one_change_costs_its_path_on_both_sides() {
    let mut pool = Pool::new(SMALL);
    // Nodes that grow in order are half full, so that the change splits none.
    pool.create(1);
    (0..500).for_each(|block| pool.write(1, block));
    pool.snapshot(1, 2);
    pool.write(1, 250);
    let image = pool.image();
    let reader = Counting::new(&image[..]);
    let metadata = open(&reader, image.len());
    let changed = Extent { begin: 250, length: 1, kind: ExtentKind::Changed };
    assert_eq!(delta(&metadata, 2, 1).unwrap(), [changed]);
    // The superblock; the devices' tree, once for all look-ups; both trees measured along their leftmost
    // paths, which differ in their roots alone; and both paths to the change.
    let height = pool.height(1);
    assert_eq!(reader.reads.take().len(), 1 + 1 + (height + 1) + 2 * height);
}

#[test]
fn trees_of_unequal_height_share_what_they_share() {
    let mut pool = Pool::new(SMALL);
    pool.create_with(1, (0..1296).map(|block| (block, block)));
    pool.snapshot(1, 2);
    // The root is full: one more entry makes the tree higher.
    pool.write(1, 1296);
    assert!(pool.height(1) > pool.height(2));
    let image = pool.image();
    let reader = Counting::new(&image[..]);
    let metadata = open(&reader, image.len());
    let added = |kind| [Extent { begin: 1296, length: 1, kind }];
    assert_eq!(delta(&metadata, 2, 1).unwrap(), added(ExtentKind::Changed));
    let reads = reader.reads.take();
    // As above, but that the higher tree has a new root, over two halves of each node on the path: the
    // leftmost paths differ in the new root and the left half of the old one.
    let height = pool.height(2);
    assert_eq!(reads.len(), 1 + 1 + (height + 2) + height + (2 * height + 1));
    assert_eq!(delta(&metadata, 1, 2).unwrap(), added(ExtentKind::Unmapped));
}

#[test]
fn the_highest_thin_block_is_a_block_like_any_other() {
    let mut pool = Pool::new(SMALL);
    pool.create(1);
    pool.snapshot(1, 2);
    pool.write(1, u64::MAX);
    pool.write(1, u64::MAX - 1);
    pool.write(1, 0);
    let image = pool.image();
    let metadata = open(&image[..], image.len());
    let kind = ExtentKind::Changed;
    let expected =
        [Extent { begin: 0, length: 1, kind }, Extent { begin: u64::MAX - 1, length: 2, kind }];
    assert_eq!(delta(&metadata, 2, 1).unwrap(), expected);
    assert_eq!(metadata.mappings(id(1)).unwrap().last().unwrap(), Some(u64::MAX));
}

#[test]
fn an_empty_device_has_no_mappings() {
    let mut pool = Pool::new(SMALL);
    pool.create(0);
    pool.create((1 << 24) - 1);
    let image = pool.image();
    let metadata = open(&image[..], image.len());
    let devices: Vec<_> = metadata.devices().unwrap().iter().map(|info| info.id.get()).collect();
    assert_eq!(devices, [0, (1 << 24) - 1]);
    let empty = metadata.mappings(id(0)).unwrap();
    assert_eq!((empty.last().unwrap(), empty.quantile(0.5).unwrap()), (None, None));
    assert_eq!(empty.get(0.into()).unwrap(), None);
    assert!(empty.iter().next().is_none() && empty.runs().next().is_none());
    assert_eq!(delta(&metadata, 0, (1 << 24) - 1).unwrap(), []);
}

#[test]
fn a_metadata_snapshot_stays_as_it_was() {
    let mut pool = Pool::new(SMALL);
    pool.create_with(1, (0..50).map(|block| (block, block)));
    pool.hold();
    pool.write(1, 7);
    pool.snapshot(1, 2);
    let image = pool.image();
    let held = Metadata::open(&image[..], image.len() as u64, View::Held).unwrap();
    assert_eq!(held.devices().unwrap().len(), 1);
    assert_eq!(held.superblock().held_root(), None);
    assert_eq!(mappings(&held, 1).unwrap()[&7], 7);
    let live = open(&image[..], image.len());
    assert!(live.superblock().held_root().is_some());
    assert_eq!(mappings(&live, 1).unwrap()[&7], 50);
}
