//! Damaged metadata: no damage whatever leads to a panic or a long walk.

mod common;

use common::{Counting, delta, id, mappings};
use proptest::prelude::*;
use thinmeta::testing::{Pool, Shape, reseal_node, reseal_superblock};
use thinmeta::{Metadata, View};

const SMALL: Shape = Shape { data_block_sectors: 128, max_entries: 6 };

/// Reads everything in every way, and tells how many reads the costliest way took.
fn read_everything(image: &[u8]) -> usize {
    let reader = Counting::new(image);
    let mut most = 0;
    for view in [View::Live, View::Held] {
        let Ok(metadata) = Metadata::open(&reader, image.len() as u64, view) else { continue };
        let mut count = || most = most.max(reader.reads.take().len());
        let _ = metadata.devices();
        count();
        for base in 1..4 {
            let _ = mappings(&metadata, base);
            count();
            if let Ok(mappings) = metadata.mappings(id(base)) {
                let _ = mappings.runs().count();
                let _ = mappings.last();
                let _ = mappings.quantile(0.7);
                let _ = mappings.get(50.into());
                count();
            }
            for target in 1..4 {
                let _ = delta(&metadata, base, target);
                count();
            }
        }
    }
    most
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn no_damage_leads_to_a_panic_or_a_long_walk(
        damages in prop::collection::vec((any::<usize>(), damage()), 1..8),
    ) {
        let mut pool = Pool::new(SMALL);
        pool.create_with(1, (0..150).map(|block| (block, block)));
        pool.snapshot(1, 2);
        (0..20).for_each(|block| pool.write(1, block * 7));
        pool.hold();
        pool.snapshot(1, 3);
        pool.discard(3, 50);
        let mut image = pool.image();
        let blocks = image.len() / 4096;
        for (block, (offset, bytes)) in damages {
            let block = block % blocks;
            let at = block * 4096 + offset;
            let end = (at + bytes.len()).min(image.len());
            image[at..end].copy_from_slice(&bytes[..end - at]);
            let magic = image[block * 4096 + 32..][..4] == 27_022_010_u32.to_le_bytes();
            if magic {
                reseal_superblock(&mut image, block as u64);
            } else {
                reseal_node(&mut image, block as u64);
            }
        }
        // A delta reads each tree once, after measuring it; then there are the trees of devices.
        prop_assert!(read_everything(&image) <= 2 * blocks + 400);
    }
}

/// Where in a block it is damaged, and what is there afterwards.
fn damage() -> impl Strategy<Value = (usize, Vec<u8>)> {
    let small = || (0..60_u64).prop_map(|value| value.to_le_bytes().to_vec());
    // Flags, blocknr, nr_entries, max_entries and value_size; then keys and values of a small node.
    let header = prop::sample::select(vec![4, 8, 16, 20, 24_usize]);
    prop_oneof![
        1 => (0..4096_usize, prop::collection::vec(any::<u8>(), 1..16)),
        1 => (header, (0..10_u32).prop_map(|value| value.to_le_bytes().to_vec())),
        3 => ((0..12_usize).prop_map(|index| 32 + index * 8), small()),
        3 => ((0..6_usize).prop_map(|index| 80 + index * 8), small()),
    ]
}
