//! The table of flaws, in parts.

mod devices;
mod entries;
mod nodes;
mod superblock;

use super::Flaw;

/// All flaws.
pub fn flaws() -> impl Iterator<Item = &'static Flaw> {
    [superblock::SUPERBLOCK, devices::DEVICES, nodes::NODES, entries::ENTRIES].into_iter().flatten()
}
