//! Damaged metadata: each flaw is told with the block that has it.

mod common;

use common::{delta, id, mappings, open};
use thinmeta::testing::{Pool, Shape, reseal_node, reseal_superblock};
use thinmeta::{Error, Metadata, View};

const SMALL: Shape = Shape { data_block_sectors: 128, max_entries: 6 };

// Where the fields of a node are; the keys of a small one end where its values begin.
const FLAGS: usize = 4;
const BLOCKNR: usize = 8;
const NR_ENTRIES: usize = 16;
const MAX_ENTRIES: usize = 20;
const VALUE_SIZE: usize = 24;
const KEYS: usize = 32;
const VALUES: usize = KEYS + 6 * 8;

// Where the fields of a superblock are.
const NEEDS_CHECK: usize = 4;
const HELD_ROOT: usize = 56;
const DATA_SPACE_MAP: usize = 64;
const MAPPING_ROOT: usize = 320;
const DETAILS_ROOT: usize = 328;
const DATA_BLOCK_SIZE: usize = 336;

/// A pool's image, and the way to the nodes of device 1, whose tree has three levels.
struct Image {
    bytes: Vec<u8>,
    root: u64,
}

impl Image {
    fn new() -> Self {
        let mut pool = Pool::new(SMALL);
        pool.create_with(1, (0..100).map(|block| (10 + 2 * block, block)));
        pool.snapshot(1, 2);
        pool.write(2, 10);
        assert_eq!(pool.height(1), 3);
        Self { bytes: pool.image(), root: pool.root(1) }
    }

    fn get(&self, block: u64, offset: usize) -> u64 {
        let at = block as usize * 4096 + offset;
        u64::from_le_bytes(self.bytes[at..at + 8].try_into().unwrap())
    }

    fn child(&self, parent: u64, index: usize) -> u64 {
        self.get(parent, VALUES + index * 8)
    }

    /// An inner node that is not the root, and a leaf.
    fn inner(&self) -> u64 {
        self.child(self.root, 1)
    }

    fn leaf(&self) -> u64 {
        self.child(self.inner(), 1)
    }

    fn set(&mut self, block: u64, offset: usize, bytes: &[u8]) {
        let at = block as usize * 4096 + offset;
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn set_node(&mut self, block: u64, offset: usize, bytes: &[u8]) {
        self.set(block, offset, bytes);
        reseal_node(&mut self.bytes, block);
    }

    fn set_superblock(&mut self, offset: usize, bytes: &[u8]) {
        self.set(0, offset, bytes);
        reseal_superblock(&mut self.bytes, 0);
    }
}

/// What is said of an image in which `damage` left a flaw in the block that it returns.
#[track_caller]
fn flaw(damage: impl FnOnce(&mut Image) -> u64, reason: &str) {
    let mut image = Image::new();
    let damaged = damage(&mut image);
    let size = image.bytes.len() as u64;
    let error = Metadata::open(&image.bytes[..], size, View::Live)
        .and_then(|metadata| {
            let read = mappings(&metadata, 1);
            assert_eq!(read.is_ok(), metadata.mappings(id(1)).and_then(ended).is_ok());
            read
        })
        .unwrap_err();
    assert_eq!(error.to_string(), format!("metadata block {damaged} {reason}"));
    let place = match error {
        Error::Corrupt { block, .. } | Error::Unsupported { block, .. } => block,
        error => panic!("{error:?}"),
    };
    assert_eq!(place.get(), damaged);
}

/// All runs of a device; there is nothing after an error.
fn ended<R: blockio::ReadAt>(mappings: thinmeta::Mappings<'_, R>) -> thinmeta::Result<()> {
    let mut runs = mappings.runs();
    let error = runs.find_map(Result::err);
    assert!(runs.next().is_none());
    error.map_or(Ok(()), Err)
}

/// Sets a field of a block that the function chooses, and makes its checksum valid again.
fn field<const N: usize>(
    choose: fn(&Image) -> u64,
    offset: usize,
    bytes: [u8; N],
) -> impl FnOnce(&mut Image) -> u64 {
    move |image| {
        let block = choose(image);
        image.set_node(block, offset, &bytes);
        block
    }
}

fn superblock(offset: usize, value: u32) -> impl FnOnce(&mut Image) -> u64 {
    move |image| {
        image.set_superblock(offset, &value.to_le_bytes());
        0
    }
}

fn u32(value: u32) -> [u8; 4] {
    value.to_le_bytes()
}

fn u64(value: u64) -> [u8; 8] {
    value.to_le_bytes()
}

/// Points the second child of the root to a block, and returns that.
fn child_of_root(block: u64) -> impl FnOnce(&mut Image) -> u64 {
    move |image| {
        image.set_node(image.root, VALUES + 8, &u64(block));
        block
    }
}

#[test]
fn the_undamaged_image_is_sound() {
    let image = Image::new();
    let metadata = open(&image.bytes[..], image.bytes.len());
    assert_eq!(mappings(&metadata, 1).unwrap().len(), 100);
    assert_eq!(delta(&metadata, 1, 2).unwrap().len(), 1);
}

#[test]
fn node_checksum() {
    let damage = |image: &mut Image| {
        let leaf = image.leaf();
        image.set(leaf, 4095, &[1]);
        leaf
    };
    flaw(damage, "is damaged: wrong checksum");
}

#[test]
fn node_blocknr() {
    flaw(field(Image::leaf, BLOCKNR, u64(77)), "is damaged: it claims to be block 77");
}

#[test]
fn leaf_for_inner() {
    flaw(field(Image::inner, FLAGS, u32(2)), "is damaged: a leaf where an inner node belongs");
}

#[test]
fn inner_for_leaf() {
    flaw(field(Image::leaf, FLAGS, u32(1)), "is damaged: an inner node where a leaf belongs");
}

#[test]
fn both_types() {
    flaw(field(Image::leaf, FLAGS, u32(3)), "is damaged: it is not a node: its flags are 0x3");
}

#[test]
fn too_many_entries() {
    flaw(field(Image::leaf, NR_ENTRIES, u32(7)), "is damaged: 7 entries in a node for 6");
}

#[test]
fn more_entries_than_a_block_holds() {
    let reason = "is damaged: 255 entries do not fit into a block";
    flaw(field(Image::leaf, MAX_ENTRIES, u32(255)), reason);
}

#[test]
fn more_entries_than_memory_holds() {
    let reason = "is damaged: 4294967295 entries do not fit into a block";
    flaw(field(Image::leaf, MAX_ENTRIES, u32(u32::MAX)), reason);
}

#[test]
fn value_size_of_a_leaf() {
    let reason = "is damaged: values of 24 bytes, expected 8";
    flaw(field(Image::leaf, VALUE_SIZE, u32(24)), reason);
}

#[test]
fn value_size_of_an_inner_node() {
    let reason = "is damaged: values of 0 bytes, expected 8";
    flaw(field(Image::inner, VALUE_SIZE, u32(0)), reason);
}

#[test]
fn keys_out_of_order() {
    let damage = |image: &mut Image| {
        let leaf = image.leaf();
        let (first, second) = (image.get(leaf, KEYS), image.get(leaf, KEYS + 8));
        image.set_node(leaf, KEYS, &u64(second));
        image.set_node(leaf, KEYS + 8, &u64(first));
        leaf
    };
    let image = Image::new();
    let first = image.get(image.leaf(), KEYS);
    flaw(damage, &format!("is damaged: its keys are out of order: {first} follows {}", first + 2));
}

#[test]
fn a_key_twice() {
    let image = Image::new();
    let first = image.get(image.leaf(), KEYS);
    flaw(
        field(Image::leaf, KEYS + 8, u64(first)),
        &format!("is damaged: its keys are out of order: {first} follows {first}"),
    );
}

#[test]
fn a_key_below_the_parents() {
    let image = Image::new();
    let low = image.get(image.leaf(), KEYS);
    let high = image.get(image.inner(), KEYS + 16) - 1;
    flaw(
        field(Image::leaf, KEYS, u64(low - 1)),
        &format!("is damaged: the key {} is outside its parent's {low} to {high}", low - 1),
    );
}

#[test]
fn a_key_above_the_parents() {
    let image = Image::new();
    let leaf = image.leaf();
    let (low, count) = (image.get(leaf, KEYS), image.get(leaf, NR_ENTRIES) as u32);
    let high = image.get(image.inner(), KEYS + 16) - 1;
    let last = KEYS + (count as usize - 1) * 8;
    flaw(
        field(Image::leaf, last, u64(high + 1)),
        &format!("is damaged: the key {} is outside its parent's {low} to {high}", high + 1),
    );
}

#[test]
fn an_empty_inner_node() {
    flaw(field(Image::inner, NR_ENTRIES, u32(0)), "is damaged: it is empty");
}

#[test]
fn an_empty_leaf() {
    flaw(field(Image::leaf, NR_ENTRIES, u32(0)), "is damaged: it is empty");
}

#[test]
fn an_empty_inner_root() {
    flaw(field(|image| image.root, NR_ENTRIES, u32(0)), "is damaged: it is empty");
}

#[test]
fn a_block_past_the_end() {
    let end = Image::new().bytes.len() as u64 / 4096;
    flaw(child_of_root(end), &format!("is damaged: it is past the end (block {end})"));
    flaw(child_of_root(u64::MAX), &format!("is damaged: it is past the end (block {end})"));
}

#[test]
fn a_truncated_image() {
    // The mapping trees come first in these images; what is missed first is the devices' tree.
    let damage = |image: &mut Image| {
        image.bytes.truncate(11 * 4096 + 4095);
        image.get(0, MAPPING_ROOT)
    };
    flaw(damage, "is damaged: it is past the end (block 11)");
}

#[test]
fn an_image_without_a_single_block() {
    let truncate = |image: &mut Image| {
        image.bytes.truncate(4095);
        0
    };
    flaw(truncate, "is damaged: it is past the end (block 0)");
}

#[test]
fn a_loop() {
    flaw(
        |image| {
            let (root, low) = (image.root, image.get(image.root, KEYS));
            image.set_node(root, VALUES, &u64(root));
            assert_eq!(low, 10);
            root
        },
        "is damaged: a loop: it is among its own descendants",
    );
}

#[test]
fn a_loop_off_the_leftmost_path() {
    flaw(
        |image| {
            let inner = image.inner();
            image.set_node(inner, VALUES, &u64(image.root));
            image.root
        },
        // The heights of what is below a node fall, so a walk meets the loop as a node out of place.
        "is damaged: an inner node where a leaf belongs",
    );
}

#[test]
fn a_depth_beyond_64() {
    flaw(
        |image| {
            // A chain of inner nodes with one entry each above the leftmost inner node.
            let (root, first) = (image.root, image.bytes.len() as u64 / 4096);
            let below = image.child(root, 0);
            let node = image.bytes[root as usize * 4096..][..4096].to_vec();
            for block in first..first + 62 {
                image.bytes.extend(&node);
                let child = if block == first + 61 { below } else { block + 1 };
                image.set(block, BLOCKNR, &u64(block));
                image.set(block, NR_ENTRIES, &u32(1));
                image.set_node(block, VALUES, &u64(child));
            }
            image.set_node(root, VALUES, &u64(first));
            // The root, 62 in the chain, an inner node: its leaf is the 65th.
            image.child(below, 0)
        },
        "is damaged: a depth beyond 64",
    );
}

#[test]
fn superblock_magic() {
    let reason = "is damaged: it is not a superblock of thin-provisioning metadata";
    flaw(superblock(32, 27_022_011), reason);
}

#[test]
fn superblock_checksum() {
    let damage = |image: &mut Image| {
        image.set(0, 4095, &[1]);
        0
    };
    flaw(damage, "is damaged: wrong checksum");
}

#[test]
fn superblock_blocknr() {
    flaw(superblock(8, 1), "is damaged: it claims to be block 1");
}

#[test]
fn superblock_version() {
    flaw(superblock(40, 1), "needs version 1, which is not supported");
}

#[test]
fn superblock_incompat_flags() {
    flaw(superblock(360, 2), "needs the incompatible feature 0x2, which is not supported");
}

#[test]
fn superblock_metadata_block_size() {
    flaw(superblock(340, 16), "needs a metadata block of 16 sectors, which is not supported");
}

#[test]
fn superblock_data_block_size() {
    for sectors in [0, 64, 129, 2_097_152 + 128, u32::MAX] {
        flaw(
            superblock(DATA_BLOCK_SIZE, sectors),
            &format!("is damaged: a data block size of {sectors} sectors is invalid"),
        );
    }
}

#[test]
fn a_sound_superblock_may_ask_for_a_check() {
    let mut image = Image::new();
    superblock(NEEDS_CHECK, 1)(&mut image);
    assert!(open(&image.bytes[..], image.bytes.len()).superblock().needs_check());
}

#[test]
fn a_metadata_snapshot_that_is_a_node() {
    let mut image = Image::new();
    image.set_superblock(HELD_ROOT, &u64(image.root));
    let held = Metadata::open(&image.bytes[..], image.bytes.len() as u64, View::Held);
    let message = held.err().unwrap().to_string();
    assert!(message.starts_with(&format!("metadata block {} is damaged", image.root)), "{message}");
}

#[test]
fn a_mapping_tree_that_is_the_tree_of_devices() {
    let mut image = Image::new();
    let devices = image.get(0, MAPPING_ROOT);
    image.set_node(devices, KEYS + 252 * 8, &u64(devices));
    let metadata = open(&image.bytes[..], image.bytes.len());
    let reason = "it is both the tree of devices and the mapping tree of device 1";
    for message in [
        mappings(&metadata, 1).unwrap_err().to_string(),
        delta(&metadata, 1, 2).unwrap_err().to_string(),
    ] {
        assert_eq!(message, format!("metadata block {devices} is damaged: {reason}"));
    }
}

#[test]
fn a_data_block_beyond_the_pools_data() {
    let mut image = Image::new();
    let blocks = image.get(0, DATA_SPACE_MAP);
    let (leaf, value) = (image.leaf(), KEYS + 6 * 8);
    let first = image.get(leaf, KEYS);
    let range = |image: &Image| {
        let metadata = open(&image.bytes[..], image.bytes.len());
        let range = metadata.mappings(id(1)).unwrap().range(first..first + 3).unwrap();
        range.collect::<thinmeta::Result<Vec<_>>>()
    };
    image.set_node(leaf, value, &u64((blocks - 1) << 24));
    assert_eq!(range(&image).unwrap().len(), 2);
    image.set_node(leaf, value, &u64(blocks << 24));
    let reason = format!("it maps block {first} to data block {blocks}, but the pool has {blocks}");
    let message = range(&image).unwrap_err().to_string();
    assert_eq!(message, format!("metadata block {leaf} is damaged: {reason}"));
    // The copy that a metadata snapshot has of the superblock does not say how many there are.
    image.set_superblock(DATA_SPACE_MAP, &u64(0));
    assert_eq!(range(&image).unwrap().len(), 2);
}

#[test]
fn a_block_that_no_volume_is_large_enough_for() {
    // Of 2^63 bytes, the last block of 64 KiB is one too many.
    for (block, end) in
        [(1_u64 << 47, None), (u64::MAX, None), ((1 << 47) - 2, Some((1 << 63) - 65536))]
    {
        let mut pool = Pool::new(SMALL);
        pool.create_with(1, [(3, 0), (block, 1)]);
        let (image, root) = (pool.image(), pool.root(1));
        let found = open(&image[..], image.len()).mappings(id(1)).unwrap().end();
        let reason = format!("it maps block {block}, past the end of the largest possible volume");
        let message = format!("metadata block {root} is damaged: {reason}");
        assert_eq!(found.map_err(|error| error.to_string()), end.ok_or(message));
    }
}

#[test]
fn a_device_of_more_than_24_bits() {
    let mut image = Image::new();
    let details = image.get(0, DETAILS_ROOT);
    image.set_node(details, KEYS + 8, &u64(1 << 24));
    let message = open(&image.bytes[..], image.bytes.len()).devices().unwrap_err().to_string();
    assert!(message.starts_with(&format!("metadata block {details} is damaged")), "{message}");
    assert!(message.ends_with("16777216 is not a thin id: the highest is 16777215"), "{message}");
}

#[test]
fn one_block_under_two_parents_with_disjoint_keys() {
    let mut pool = Pool::new(SMALL);
    pool.create_with(1, (0..100).map(|block| (10 + 2 * block, block)));
    pool.snapshot(1, 2);
    pool.write(2, 10);
    let mut image = Image { bytes: pool.image(), root: pool.root(1) };
    // Device 2 becomes the first two subtrees of device 1, the second of them far past its keys.
    let root = pool.root(2);
    let shared = image.inner();
    image.set(root, VALUES, &u64(image.child(image.root, 0)));
    image.set(root, NR_ENTRIES, &u32(2));
    image.set_node(root, KEYS + 8, &u64(1000));
    let metadata = open(&image.bytes[..], image.bytes.len());
    for (base, target) in [(1, 2), (2, 1)] {
        let reason = "two parents give it disjoint ranges of keys";
        let message = delta(&metadata, base, target).unwrap_err().to_string();
        assert_eq!(message, format!("metadata block {shared} is damaged: {reason}"));
    }
}

#[test]
fn paths_that_double_at_each_level_are_not_walked() {
    flaw(
        |image| {
            // 50 inner nodes, each of which has the next one as both of its children.
            let (root, first) = (image.root, image.bytes.len() as u64 / 4096);
            let node = image.bytes[root as usize * 4096..][..4096].to_vec();
            for block in first..first + 50 {
                image.bytes.extend(&node);
                let child = if block == first + 49 { root } else { block + 1 };
                image.set(block, BLOCKNR, &u64(block));
                image.set(block, NR_ENTRIES, &u32(2));
                image.set(block, KEYS + 8, &u64(20 + first + 50 - block));
                image.set(block, VALUES, &u64(child));
                image.set_node(block, VALUES + 8, &u64(child));
            }
            // Below them is the root, now with nothing but a leaf of the keys 10 to 20.
            image.set(root, VALUES, &u64(image.child(image.child(root, 0), 0)));
            image.set_node(root, NR_ENTRIES, &u32(1));
            let devices = image.get(0, MAPPING_ROOT);
            image.set_node(devices, KEYS + 252 * 8, &u64(first));
            // What is the first child's cannot be the second's, from the top one down.
            first + 1
        },
        "is damaged: the key 10 is outside its parent's 70 to 18446744073709551615",
    );
}

#[test]
fn the_delta_ends_after_an_error() {
    let mut image = Image::new();
    // The leaf that device 2 has for itself.
    let mut pool = Pool::new(SMALL);
    pool.create_with(1, (0..100).map(|block| (10 + 2 * block, block)));
    pool.snapshot(1, 2);
    pool.write(2, 10);
    let inner = image.child(pool.root(2), 0);
    let leaf = image.child(inner, 0);
    // Its first entry becomes a difference, its second sends the walk to a damaged leaf.
    let second = image.child(inner, 1);
    image.set_node(inner, VALUES + 8, &u64(1 << 60));
    assert_ne!(leaf, second);
    let metadata = open(&image.bytes[..], image.bytes.len());
    let mut delta = metadata.delta(id(1), id(2)).unwrap();
    let error = delta.find_map(Result::err).unwrap();
    assert!(error.to_string().starts_with("metadata block 1152921504606846976 is damaged"));
    assert!(delta.next().is_none() && delta.next().is_none());
}

#[test]
fn a_failing_device_is_named_with_the_block() {
    let image = Image::new();
    // The reader is shorter than it says.
    let end = image.leaf() as usize * 4096;
    let metadata = open(&image.bytes[..end], image.bytes.len());
    let error = mappings(&metadata, 1).unwrap_err();
    assert!(error.to_string().starts_with("cannot read metadata block "), "{error}");
    assert!(matches!(error, Error::Io { .. }));
    assert!(std::error::Error::source(&error).is_some());
}
