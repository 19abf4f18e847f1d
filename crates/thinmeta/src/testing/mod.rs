//! Builds whole metadata images in memory, for tests and benches (feature `testing`).
//!
//! The principal type is [`Pool`]: thin devices whose mapping trees share nodes and are changed by
//! path copying, as the kernel does it; [`Pool::image`] lays them out with space maps, so that
//! `thin_check` finds nothing to complain about. [`reseal_node`] and [`reseal_superblock`] give
//! blocks that a test has damaged a valid checksum again.
#![allow(clippy::arithmetic_side_effects)] // numbers made here, not read from a disk

mod blocks;
mod history;
mod image;
mod space_map;
mod tree;

use std::collections::BTreeMap;

use tree::Arena;

pub use blocks::{reseal_node, reseal_superblock};
pub use history::Random;
pub use image::Layout;

/// The dimensions of a [`Pool`].
#[derive(Clone, Debug)]
pub struct Shape {
    /// The size of a data block in sectors of 512 bytes.
    pub data_block_sectors: u32,
    /// The entries of a full mapping node: a multiple of 3 from 6 to 252, which is the kernel's.
    /// Few entries make deep trees of few mappings.
    pub max_entries: usize,
}

impl Default for Shape {
    fn default() -> Self {
        Self { data_block_sectors: 128, max_entries: 252 }
    }
}

/// A pool's metadata, held as nodes. Thin devices are named by their ids; one that does not exist
/// is the caller's mistake, and panics.
pub struct Pool {
    shape: Shape,
    arena: Arena,
    state: State,
    held: Option<State>,
    next_data_block: u64,
}

/// What one superblock refers to.
#[derive(Clone, Default)]
struct State {
    time: u32,
    transaction_id: u64,
    devices: BTreeMap<u32, Device>,
}

#[derive(Clone)]
struct Device {
    root: u64,
    mapped_blocks: u64,
    transaction_id: u64,
    creation_time: u32,
    snapshotted_time: u32,
}

impl Pool {
    /// A pool without devices.
    pub fn new(shape: Shape) -> Self {
        assert!(shape.max_entries.is_multiple_of(3) && (6..=252).contains(&shape.max_entries));
        let arena = Arena::new(shape.max_entries);
        Self { shape, arena, state: State::default(), held: None, next_data_block: 0 }
    }

    /// Makes an empty thin device.
    pub fn create(&mut self, id: u32) {
        self.create_with(id, []);
    }

    /// Makes a thin device with these mappings, thin block to data block, in ascending order, in
    /// nodes that are as full as they can be.
    pub fn create_with(&mut self, id: u32, mappings: impl IntoIterator<Item = (u64, u64)>) {
        let time = self.state.time;
        let entries: Vec<_> =
            mappings.into_iter().map(|(thin, data)| (thin, value(data, time))).collect();
        let last = entries.iter().map(|(_, value)| (value >> 24) + 1).max();
        self.next_data_block = self.next_data_block.max(last.unwrap_or(0));
        let device = Device {
            root: self.arena.build(&entries),
            mapped_blocks: entries.len() as u64,
            transaction_id: self.state.transaction_id,
            creation_time: time,
            snapshotted_time: time,
        };
        self.insert(id, device);
    }

    /// Takes a snapshot: a device that shares all of its origin's nodes.
    pub fn snapshot(&mut self, origin: u32, id: u32) {
        self.state.time += 1;
        let time = self.state.time;
        let transaction_id = self.state.transaction_id;
        let device = self.device(origin);
        device.snapshotted_time = time;
        let device = Device { transaction_id, creation_time: time, ..device.clone() };
        self.arena.retain(device.root);
        self.insert(id, device);
    }

    fn insert(&mut self, id: u32, device: Device) {
        assert!(id < 1 << 24 && self.state.devices.insert(id, device).is_none());
        self.state.transaction_id += 1;
    }

    /// Removes a device. Blocks that nothing refers to any more are used again.
    pub fn delete(&mut self, id: u32) {
        let device = self.state.devices.remove(&id).expect("a device of this id");
        self.arena.release(device.root);
    }

    /// Maps a thin block to a fresh data block, as a write to a shared or unmapped one does.
    pub fn write(&mut self, id: u32, thin_block: u64) {
        self.map(id, thin_block, self.next_data_block);
    }

    /// Maps a thin block to a data block, at the pool's time.
    pub fn map(&mut self, id: u32, thin_block: u64, data_block: u64) {
        self.next_data_block = self.next_data_block.max(data_block + 1);
        let value = value(data_block, self.state.time);
        let root = self.device(id).root;
        let (root, fresh) = self.arena.insert(root, thin_block, value);
        let device = self.device(id);
        device.root = root;
        device.mapped_blocks += u64::from(fresh);
    }

    /// Unmaps a thin block, if it is mapped.
    pub fn discard(&mut self, id: u32, thin_block: u64) {
        let root = self.device(id).root;
        if !self.arena.contains(root, thin_block) {
            return;
        }
        let root = self.arena.remove(root, thin_block);
        let device = self.device(id);
        device.root = root;
        device.mapped_blocks -= 1;
    }

    /// Takes the metadata snapshot; one that is held already is let go.
    pub fn hold(&mut self) {
        self.release();
        self.state.devices.values().for_each(|device| self.arena.retain(device.root));
        self.held = Some(self.state.clone());
    }

    /// Lets the metadata snapshot go.
    pub fn release(&mut self) {
        for device in self.held.take().unwrap_or_default().devices.values() {
            self.arena.release(device.root);
        }
    }

    /// The metadata block in which a device's mapping tree begins, where nodes lie in order.
    pub fn root(&self, id: u32) -> u64 {
        self.state.devices[&id].root
    }

    /// The levels of a device's mapping tree.
    pub fn height(&self, id: u32) -> usize {
        self.arena.height(self.root(id))
    }

    fn device(&mut self, id: u32) -> &mut Device {
        self.state.devices.get_mut(&id).expect("a device of this id")
    }
}

fn value(data_block: u64, time: u32) -> u64 {
    assert!(data_block < 1 << 40 && time < 1 << 24);
    (data_block << 24) | u64::from(time)
}
