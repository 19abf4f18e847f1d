//! Lays a [`Pool`] out as a metadata device.

use std::collections::BTreeMap;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::space_map::SpaceMap;
use super::{Pool, Random, State};
use crate::block::Page;
use crate::checksum::{Salt, checksum};
use crate::disk::{
    DiskDeviceDetails, INTERNAL_NODE, LEAF_NODE, NodeHeader, THIN_SUPERBLOCK_MAGIC,
    ThinDiskSuperblock,
};

// Trees are written of native integers, where the disk's are little-endian.
const _: () = assert!(cfg!(target_endian = "little"), "images are built on such machines only");

/// A metadata device while it grows.
pub(super) struct Image {
    bytes: Vec<u8>,
    /// How many references each block has.
    pub(super) references: Vec<u32>,
}

impl Image {
    /// Makes room for one more block, to which there is one reference.
    pub(super) fn allocate(&mut self) -> u64 {
        self.references.push(1);
        self.bytes.resize(self.bytes.len() + 4096, 0);
        self.references.len() as u64 - 1
    }

    /// Writes a block: its contents without their first four bytes, which become the checksum.
    pub(super) fn write(&mut self, block: u64, salt: Salt, contents: &[u8]) {
        let at = block as usize * 4096;
        self.bytes[at..at + contents.len()].copy_from_slice(contents);
        seal(&mut self.bytes, block, salt);
    }

    /// Writes a tree of full nodes from ascending entries and returns its root.
    pub(super) fn write_tree<V: IntoBytes + Immutable>(&mut self, entries: &[(u64, V)]) -> u64 {
        let mut level = self.write_level(LEAF_NODE, entries);
        while level.len() > 1 {
            level = self.write_level(INTERNAL_NODE, &level);
        }
        level[0].1
    }

    fn write_level<V: IntoBytes + Immutable>(
        &mut self,
        flags: u32,
        entries: &[(u64, V)],
    ) -> Vec<(u64, u64)> {
        // The kernel's room for entries is a multiple of 3 as well.
        let room = (4096 - size_of::<NodeHeader>()) / (8 + size_of::<V>()) / 3 * 3;
        let count = entries.len().div_ceil(room).max(1);
        let bound = |index| entries.len() * index / count;
        let node = |index| {
            let entries = &entries[bound(index)..bound(index + 1)];
            let block = self.allocate();
            self.write_node(block, flags, room, entries.iter().map(|(key, value)| (*key, value)));
            (entries.first().map_or(0, |(key, _)| *key), block)
        };
        (0..count).map(node).collect()
    }

    fn write_node<'a, V: IntoBytes + Immutable + 'a>(
        &mut self,
        block: u64,
        flags: u32,
        max_entries: usize,
        entries: impl ExactSizeIterator<Item = (u64, &'a V)>,
    ) {
        let header = NodeHeader {
            csum: 0.into(),
            flags: flags.into(),
            blocknr: block.into(),
            nr_entries: (entries.len() as u32).into(),
            max_entries: (max_entries as u32).into(),
            value_size: (size_of::<V>() as u32).into(),
            padding: 0.into(),
        };
        let mut contents = [0; 4096];
        let (front, rest) = contents.split_at_mut(size_of::<NodeHeader>());
        front.copy_from_slice(header.as_bytes());
        let (keys, values) = rest.split_at_mut(max_entries * 8);
        for (index, (key, value)) in entries.enumerate() {
            keys[index * 8..][..8].copy_from_slice(&key.to_le_bytes());
            let size = size_of::<V>();
            values[index * size..][..size].copy_from_slice(value.as_bytes());
        }
        self.write(block, Salt::Node, &contents);
    }
}

/// The order in which nodes lie in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// That in which they were made.
    InOrder,
    /// A random one, the same for the same seed: that of a pool after years.
    Shuffled(u64),
}

impl Layout {
    /// Where each of so many blocks lies; block 0 stays.
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
        let mut image = Image { bytes: vec![0; 4096], references: vec![1] };
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
        image.bytes
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

/// Gives the B-tree node in `block` the checksum that its bytes have now.
pub fn reseal_node(image: &mut [u8], block: u64) {
    seal(image, block, Salt::Node);
}

/// Gives the superblock, or the copy of it, in `block` the checksum that its bytes have now.
pub fn reseal_superblock(image: &mut [u8], block: u64) {
    seal(image, block, Salt::Superblock);
}

fn seal(image: &mut [u8], block: u64, salt: Salt) {
    let bytes = &mut image[block as usize * 4096..][..4096];
    let mut page = Page::zeroed();
    page.bytes_mut().copy_from_slice(bytes);
    bytes[..4].copy_from_slice(&checksum(&page, salt).to_le_bytes());
}
