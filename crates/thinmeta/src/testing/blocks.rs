//! [`Image`]: a metadata device, block by block.

use zerocopy::{Immutable, IntoBytes};

use crate::block::Page;
use crate::checksum::{Salt, checksum};
use crate::disk::{INTERNAL_NODE, LEAF_NODE, NodeHeader};

// Trees are written of native integers, where the disk's are little-endian.
const _: () = assert!(cfg!(target_endian = "little"), "images are built on such machines only");

/// A metadata device while it grows.
pub(super) struct Image {
    bytes: Vec<u8>,
    /// How many references each block has.
    pub(super) references: Vec<u32>,
}

impl Image {
    /// A device of one block, the superblock's.
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; 4096], references: vec![1] }
    }

    /// Its bytes.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

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

    /// Writes one node.
    pub(super) fn write_node<'a, V: IntoBytes + Immutable + 'a>(
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
