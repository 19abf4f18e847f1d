//! Lays a [`Pool`] out as a metadata device.

use std::collections::BTreeMap;

use zerocopy::{FromBytes, IntoBytes};

use super::blocks::Image;
use super::space_map::SpaceMap;
use super::{Pool, Random, State};
use crate::checksum::Salt;
use crate::disk::{
    DiskDeviceDetails, INTERNAL_NODE, LEAF_NODE, THIN_SUPERBLOCK_MAGIC, ThinDiskSuperblock,
};

/// The order in which nodes lie in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// That in which they were made.
    InOrder,
    /// A random one, the same for the same seed: that of a pool after years.
    Shuffled(u64),
}

impl Layout {
    /// Where each of this many blocks lies; block 0 stays.
    fn places(self, count: u64) -> Vec<u64> {
        let mut places: Vec<u64> = (0..count).collect();
        if let Self::Shuffled(seed) = self {
            let mut random = Random::new(seed);
            for last in (2..places.len()).rev() {
                places.swap(last, 1 + random.below(last as u64) as usize);
            }
        }
        places
    }
}

impl Pool {
    /// The whole metadata device, with a little free space at its end.
    pub fn image(&self) -> Vec<u8> {
        self.image_in(Layout::InOrder)
    }

    /// The same, its nodes laid out as `layout` says.
    pub fn image_in(&self, layout: Layout) -> Vec<u8> {
        let count = 1 + self.arena.nodes().count() as u64;
        let places = layout.places(count);
        let place = |block: u64| places[block as usize];
        let mut image = Image::new();
        (1..count).for_each(|_| _ = image.allocate());
        let mut data = BTreeMap::new();
        for (block, node) in self.arena.nodes() {
            image.references[place(block) as usize] = node.references;
            if node.references == 0 {
                continue;
            }
            let flags = if node.leaf { LEAF_NODE } else { INTERNAL_NODE };
            let children: Vec<_> = match node.leaf {
                true => node.values.clone(),
                false => node.values.iter().map(|&child| place(child)).collect(),
            };
            let entries = node.keys.iter().copied().zip(&children);
            image.write_node(place(block), flags, self.shape.max_entries, entries);
            if node.leaf {
                for value in &node.values {
                    *data.entry(value >> 24).or_insert(0_u32) += 1;
                }
            }
        }

        let mut live = self.superblock(&self.state, &place, &mut image);
        if let Some(held) = &self.held {
            let mut copy = self.superblock(held, &place, &mut image);
            let block = image.allocate();
            copy.blocknr = block.into();
            live.held_root = block.into();
            image.write(block, Salt::Superblock, copy.as_bytes());
        }
        live.data_space_map_root = SpaceMap::of_data(self.next_data_block, &data).write(&mut image);
        live.metadata_space_map_root = SpaceMap::write_metadata(&mut image);
        live.metadata_nr_blocks = (image.references.len() as u64).into();
        image.write(0, Salt::Superblock, live.as_bytes());
        image.into_bytes()
    }

    /// A superblock without space maps, and the trees of devices that it refers to.
    fn superblock(
        &self,
        state: &State,
        place: &impl Fn(u64) -> u64,
        image: &mut Image,
    ) -> ThinDiskSuperblock {
        let roots: Vec<_> =
            state.devices.iter().map(|(&id, device)| (id.into(), place(device.root))).collect();
        let details: Vec<_> = state
            .devices
            .iter()
            .map(|(&id, device)| {
                let details = DiskDeviceDetails {
                    mapped_blocks: device.mapped_blocks.into(),
                    transaction_id: device.transaction_id.into(),
                    creation_time: device.creation_time.into(),
                    snapshotted_time: device.snapshotted_time.into(),
                };
                (id.into(), details)
            })
            .collect();
        let mut superblock =
            ThinDiskSuperblock::read_from_bytes(&[0; 364]).expect("any bytes are a superblock");
        superblock.magic = THIN_SUPERBLOCK_MAGIC.into();
        superblock.version = 2.into();
        superblock.time = state.time.into();
        superblock.trans_id = state.transaction_id.into();
        superblock.data_mapping_root = image.write_tree(&roots).into();
        superblock.device_details_root = image.write_tree(&details).into();
        superblock.data_block_size = self.shape.data_block_sectors.into();
        superblock.metadata_block_size = 8.into();
        superblock
    }
}
