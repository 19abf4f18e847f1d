//! The superblock of thin metadata.

use thinmeta::{MetaBlock, Metadata, View};

use crate::image::{self, BLOCK};

/// Takes the input for block 0, filled up with zeros.
pub fn run(input: &[u8]) {
    let (mode, input) = crate::mode(input);
    let mut image = vec![0; 2 * BLOCK];
    let length = input.len().min(BLOCK);
    image[..length].copy_from_slice(&input[..length]);
    image.copy_within(..BLOCK, BLOCK);
    (0..2).for_each(|block| image::seal(&mut image, block, mode));
    for view in [View::Live, View::Held, View::HeldAt(MetaBlock::new(1))] {
        let Ok(metadata) = Metadata::open(&image, image.len() as u64, view) else { continue };
        let size = metadata.superblock().data_block_size();
        assert!(size.is_multiple_of(64 << 10) && (64 << 10..=1 << 30).contains(&size));
        let held = u64::from_le_bytes(*image[56..].first_chunk().expect("it is a block"));
        let found = metadata.superblock().held_root().map_or(0, |block| block.get());
        assert_eq!(found, held, "the metadata snapshot's place");
        _ = metadata.devices();
    }
}
