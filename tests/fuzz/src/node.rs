//! One node of a tree of mappings, with any bytes in it.

use std::sync::OnceLock;

use thinmeta::testing::{Pool, Shape};
use thinmeta::{Metadata, ThinId, View};

use crate::image::{self, BLOCK, Counting};

/// A pool whose device 1 has a leaf alone, which is what the input replaces, and device 2 another.
fn pool() -> &'static (Vec<u8>, usize) {
    static POOL: OnceLock<(Vec<u8>, usize)> = OnceLock::new();
    POOL.get_or_init(|| {
        let mut pool = Pool::new(Shape::default());
        pool.create_with(1, [(3, 4)]);
        pool.create_with(2, (10..20).map(|block| (block, block)));
        (pool.image(), pool.root(1) as usize)
    })
}

/// Takes the input for the root of a device's mappings, filled up with zeros.
pub fn run(input: &[u8]) {
    let (mode, input) = crate::mode(input);
    let (image, root) = pool();
    let mut image = image.clone();
    let block = &mut image[root * BLOCK..][..BLOCK];
    block.fill(0);
    let length = input.len().min(BLOCK);
    block[..length].copy_from_slice(&input[..length]);
    image::seal(&mut image, *root, mode);

    let reader = Counting::new(&image);
    let metadata = Metadata::open(&reader, image.len() as u64, View::Live).expect("it is sound");
    let [one, two] = [1, 2].map(|id| ThinId::try_from(id).expect("it is an id"));
    let found = metadata.mappings(one).and_then(|mappings| mappings.iter().collect());
    reader.expect_few();
    let leaf = image[root * BLOCK + 4] == 2;
    if let Ok::<Vec<_>, _>(found) = found
        && leaf
    {
        let found = found.iter().map(|(thin, data)| (thin.get(), data.get()));
        assert!(found.eq(entries(&image[root * BLOCK..][..BLOCK])), "other entries than it has");
    }
    for (base, target) in [(one, two), (two, one)] {
        let delta = metadata.delta(base, target);
        _ = delta.map(|delta| delta.filter(|extent| extent.is_err()).count());
        reader.expect_few();
    }
}

/// A leaf's entries, of which the first field is the key, and the upper 40 bits of the other the
/// data block.
fn entries(block: &[u8]) -> impl Iterator<Item = (u64, u64)> {
    let word = |at: usize| block[at..].first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    let half = |at: usize| block[at..].first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    let count = half(16).unwrap_or(0) as usize;
    let room = half(20).unwrap_or(0) as usize;
    (0..count).filter_map(move |index| {
        let (key, value) = (word(32 + index * 8)?, word(32 + (room + index) * 8)?);
        Some((key, value >> 24))
    })
}
