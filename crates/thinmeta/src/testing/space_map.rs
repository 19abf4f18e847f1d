//! [`SpaceMap`]: reference counts of blocks (drivers/md/persistent-data/dm-space-map-common.h).

use std::collections::BTreeMap;

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U32, U64};

use super::blocks::Image;
use crate::checksum::Salt;

/// The blocks that one bitmap counts, two bits each, after a header of 16 bytes.
const PER_BITMAP: u64 = (4096 - 16) * 4;

/// Reference counts; blocks that are not among them have none.
pub(super) struct SpaceMap {
    nr_blocks: u64,
    counts: BTreeMap<u64, u32>,
}

/// `struct disk_index_entry`
#[derive(Clone, Copy, IntoBytes, zerocopy::Immutable)]
#[repr(C)]
struct IndexEntry {
    blocknr: U64,
    nr_free: U32,
    none_free_before: U32,
}
const _: () = assert!(size_of::<IndexEntry>() == 16);

impl SpaceMap {
    pub(super) fn of_data(nr_blocks: u64, counts: &BTreeMap<u64, u32>) -> Self {
        Self { nr_blocks, counts: counts.clone() }
    }

    /// Writes the space map of the data device: its index is a tree. Returns its root.
    pub(super) fn write(&self, image: &mut Image) -> [u8; 128] {
        let places: Vec<_> = self.bitmaps().map(|_| image.allocate()).collect();
        let entries = self.write_bitmaps(image, &places);
        let index = image.write_tree(&entries);
        let excess = image.write_tree(&self.excess());
        self.root(index, excess)
    }

    /// Writes the space map of the image itself, which counts its own blocks and is the last thing
    /// in the image but for free space: its index is one block. Returns its root.
    pub(super) fn write_metadata(image: &mut Image) -> [u8; 128] {
        let counts = |image: &Image| {
            let counts = (0..).zip(image.references.iter().copied());
            let counts = counts.filter(|(_, count)| *count > 0).collect();
            Self { nr_blocks: image.references.len() as u64, counts }
        };
        let index = image.allocate();
        // All blocks that are still to come have one reference, so this tree is complete.
        let excess = counts(image).excess();
        let excess = image.write_tree(&excess);
        let mut places = Vec::new();
        while (places.len() as u64) < (image.references.len() as u64 + 8).div_ceil(PER_BITMAP) {
            places.push(image.allocate());
        }
        for _ in 0..8 {
            let free = image.allocate();
            image.references[free as usize] = 0;
        }

        let map = counts(image);
        let entries = map.write_bitmaps(image, &places);
        assert!(entries.len() <= 255, "an index of one block");
        let mut contents = [0, index].as_bytes().to_vec();
        entries.iter().for_each(|(_, entry)| contents.extend(entry.as_bytes()));
        image.write(index, Salt::SpaceMapIndex, &contents);
        map.root(index, excess)
    }

    fn bitmaps(&self) -> std::ops::Range<u64> {
        0..self.nr_blocks.div_ceil(PER_BITMAP)
    }

    fn write_bitmaps(&self, image: &mut Image, places: &[u64]) -> Vec<(u64, IndexEntry)> {
        let entry = |(bitmap, &place): (u64, &u64)| {
            let mut contents = [0; 4096];
            contents[8..16].copy_from_slice(&place.to_le_bytes());
            let first = bitmap * PER_BITMAP;
            let counts = self.counts.range(first..first + PER_BITMAP);
            let free = PER_BITMAP - counts.clone().count() as u64;
            for (block, count) in counts {
                // 3 says that the count is in the tree. The high bit comes first.
                let bits = [0b00, 0b10, 0b01, 0b11][(*count).min(3) as usize];
                let place = (block - first) as usize;
                contents[16 + place / 4] |= bits << (place % 4 * 2);
            }
            image.write(place, Salt::Bitmap, &contents);
            let entry = IndexEntry {
                blocknr: place.into(),
                nr_free: (free as u32).into(),
                none_free_before: 0.into(),
            };
            (bitmap, entry)
        };
        self.bitmaps().zip(places).map(entry).collect()
    }

    /// The counts that two bits cannot hold.
    fn excess(&self) -> Vec<(u64, u32)> {
        let counts = self.counts.iter().map(|(block, count)| (*block, *count));
        counts.filter(|(_, count)| *count > 2).collect()
    }

    /// `struct disk_sm_root`
    fn root(&self, index: u64, excess: u64) -> [u8; 128] {
        let mut root = [0; 128];
        let fields = [self.nr_blocks, self.counts.len() as u64, index, excess];
        root[..32].copy_from_slice(fields.map(U64::new).as_bytes());
        root
    }
}
