//! Thin metadata in a form that a fuzzer changes well: 160 bytes a block, where the disk has 4096.

use std::cell::Cell;
use std::io;

use blockio::ReadAt;
use thinmeta::testing::{reseal_node, reseal_superblock};

/// The size of a block on disk.
pub(crate) const BLOCK: usize = 4096;
/// The size of a block in an input.
const SHORT: usize = 160;
/// More blocks than that are left out.
const MOST: usize = 64;

/// What a superblock is known by, and where that stands.
const MAGIC: [u8; 8] = 27_022_010_u64.to_le_bytes();
const MAGIC_AT: usize = 32;
/// The roots of the space maps, which nothing here reads, stand here in a superblock.
const SPACE_MAPS: std::ops::Range<usize> = 64..320;

/// Leaves the checksums as they are.
pub(crate) const KEEP_CHECKSUMS: u8 = 1;
/// Leaves the numbers that blocks have of themselves.
pub(crate) const KEEP_NUMBERS: u8 = 2;

/// The metadata device that an input stands for: its blocks follow one another, filled up with
/// zeros. A superblock's space maps are left out. Checksums and numbers are made right, unless
/// `mode` says otherwise.
pub(crate) fn expand(input: &[u8], mode: u8) -> Vec<u8> {
    let mut image = Vec::new();
    for (number, short) in input.chunks(SHORT).take(MOST).enumerate() {
        let mut block = vec![0; BLOCK];
        if short.get(MAGIC_AT..).is_some_and(|rest| rest.starts_with(&MAGIC)) {
            let (front, back) = short.split_at(SPACE_MAPS.start.min(short.len()));
            block[..front.len()].copy_from_slice(front);
            block[SPACE_MAPS.end..][..back.len()].copy_from_slice(back);
        } else {
            block[..short.len()].copy_from_slice(short);
        }
        image.extend(block);
        seal(&mut image, number, mode);
    }
    image
}

/// Makes a block's checksum and number right, unless `mode` says otherwise.
pub(crate) fn seal(image: &mut [u8], number: usize, mode: u8) {
    let block = &mut image[number * BLOCK..][..BLOCK];
    let is_superblock = block[MAGIC_AT..].starts_with(&MAGIC);
    if mode & KEEP_NUMBERS == 0 {
        block[8..16].copy_from_slice(&(number as u64).to_le_bytes());
    }
    match (mode & KEEP_CHECKSUMS, is_superblock) {
        (0, true) => reseal_superblock(image, number as u64),
        (0, false) => reseal_node(image, number as u64),
        _ => {}
    }
}

/// Counts reads.
pub(crate) struct Counting<'a> {
    image: &'a [u8],
    reads: Cell<usize>,
}

impl<'a> Counting<'a> {
    pub(crate) fn new(image: &'a [u8]) -> Self {
        Self { image, reads: Cell::new(0) }
    }

    /// Forgets the reads that there were.
    pub(crate) fn take(&self) -> usize {
        self.reads.take()
    }

    /// Holds the reads since this was called last against what they may be.
    ///
    /// No walk reads a block of a tree twice. Before one, trees are measured, and the devices' is
    /// searched for the ids, which reads a path each.
    pub(crate) fn expect_few(&self) {
        let most = 3 * (self.image.len() / BLOCK) + 512;
        let reads = self.take();
        assert!(reads <= most, "{reads} reads of {} bytes", self.image.len());
    }
}

impl ReadAt for Counting<'_> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.reads.set(self.reads.get() + 1);
        self.image.read_at(offset, buf)
    }
}
