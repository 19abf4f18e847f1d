//! [`Image`]: a metadata image, and where in it a flaw can be put.

use std::io::Read;

use anyhow::{Context, Result};
use thinmeta::testing::{Pool, Shape, reseal_node, reseal_superblock};

/// The size of a metadata block in bytes.
pub(super) const BLOCK: usize = 4096;

// Where the fields of a node are (`struct node_header`); its keys follow.
pub(super) const FLAGS: usize = 4;
pub(super) const BLOCKNR: usize = 8;
pub(super) const NR_ENTRIES: usize = 16;
pub(super) const MAX_ENTRIES: usize = 20;
pub(super) const VALUE_SIZE: usize = 24;
pub(super) const KEYS: usize = 32;

/// Two devices, of which the second is a later state of the first.
pub(super) struct Image {
    pub(super) bytes: Vec<u8>,
}

impl Image {
    /// What a kernel made: devices 1 to 3, each of one leaf.
    pub(super) fn of_kernel() -> Result<Self> {
        let packed = include_bytes!("../../../crates/thinmeta/tests/fixtures/tmeta.img.zst");
        let mut bytes = Vec::new();
        ruzstd::decoding::StreamingDecoder::new(&packed[..])
            .context("the kernel's image")?
            .read_to_end(&mut bytes)?;
        Ok(Self { bytes })
    }

    /// Small nodes, so that trees have three levels: device 3 is a snapshot of device 2, written to
    /// since then in every leaf.
    pub(super) fn deep() -> Result<Self> {
        let mut pool = Pool::new(Shape { max_entries: 6, ..Shape::default() });
        pool.create_with(2, (0..100).map(|block| (10 + 2 * block, block)));
        pool.snapshot(2, 3);
        (0..100).for_each(|block| pool.write(3, 10 + 2 * block));
        anyhow::ensure!(pool.height(3) == 3, "the trees should have three levels");
        Ok(Self { bytes: pool.image() })
    }

    /// How many blocks there are.
    pub(super) fn blocks(&self) -> u64 {
        (self.bytes.len() / BLOCK) as u64
    }

    /// The 64 bits at an offset in a block.
    pub(super) fn get(&self, block: u64, offset: usize) -> u64 {
        let at = block as usize * BLOCK + offset;
        u64::from_le_bytes(*self.bytes[at..].first_chunk().expect("an offset within the image"))
    }

    /// The 32 bits at an offset in a block.
    fn get_u32(&self, block: u64, offset: usize) -> u32 {
        self.get(block, offset) as u32
    }

    /// Replaces bytes; the checksum stays as it was.
    pub(super) fn set(&mut self, block: u64, offset: usize, bytes: &[u8]) {
        let at = block as usize * BLOCK + offset;
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Replaces bytes of a node, whose checksum is made right.
    pub(super) fn set_node(&mut self, block: u64, offset: usize, bytes: &[u8]) {
        self.set(block, offset, bytes);
        reseal_node(&mut self.bytes, block);
    }

    /// Replaces bytes of the superblock, whose checksum is made right.
    pub(super) fn set_superblock(&mut self, offset: usize, bytes: &[u8]) {
        self.set(0, offset, bytes);
        reseal_superblock(&mut self.bytes, 0);
    }

    /// Where the values of a node begin.
    pub(super) fn values(&self, node: u64) -> usize {
        KEYS + self.get_u32(node, MAX_ENTRIES) as usize * 8
    }

    /// How many entries a node has.
    pub(super) fn entries(&self, node: u64) -> usize {
        self.get_u32(node, NR_ENTRIES) as usize
    }

    /// A value of 64 bits of a node.
    pub(super) fn value(&self, node: u64, index: usize) -> u64 {
        self.get(node, self.values(node) + index * 8)
    }

    /// Replaces a value of 64 bits of a node.
    pub(super) fn set_value(&mut self, node: u64, index: usize, value: u64) {
        self.set_node(node, self.values(node) + index * 8, &value.to_le_bytes());
    }

    /// Replaces a key of a node.
    pub(super) fn set_key(&mut self, node: u64, index: usize, key: u64) {
        self.set_node(node, KEYS + index * 8, &key.to_le_bytes());
    }

    /// Where the tree of the devices' mapping trees begins.
    pub(super) fn devices(&self) -> u64 {
        self.get(0, 320)
    }

    /// Where the tree of the devices' details begins.
    pub(super) fn details(&self) -> u64 {
        self.get(0, 328)
    }

    /// The root of device 3's mapping tree.
    pub(super) fn root(&self) -> u64 {
        let devices = self.devices();
        let place =
            (0..self.entries(devices)).find(|index| self.get(devices, KEYS + index * 8) == 3);
        self.value(devices, place.expect("a device 3"))
    }

    /// An inner node of device 3 that is neither the root nor on the leftmost path.
    pub(super) fn inner(&self) -> u64 {
        self.value(self.root(), 1)
    }

    /// A leaf of device 3, not on the leftmost path.
    pub(super) fn leaf(&self) -> u64 {
        self.value(self.inner(), 1)
    }

    /// A copy of a node in a new block after the end.
    pub(super) fn append_copy(&mut self, node: u64) -> u64 {
        let block = self.blocks();
        let copy = self.bytes[node as usize * BLOCK..][..BLOCK].to_vec();
        self.bytes.extend(copy);
        self.set_node(block, BLOCKNR, &block.to_le_bytes());
        block
    }
}
