//! [`Free`]: what a pool has left, as far as its status says.

use lvm::{PoolMode, PoolStatus};

/// What a pool has left, as far as its status says.
pub(crate) trait Free {
    /// Chunks.
    fn free_chunks(&self) -> u64;
    /// Blocks of its metadata.
    fn free_metadata_blocks(&self) -> u64;
}

impl Free for PoolStatus {
    fn free_chunks(&self) -> u64 {
        match self.mode {
            PoolMode::OutOfDataSpace => 0,
            _ => self.chunks.1.saturating_sub(self.chunks.0),
        }
    }

    fn free_metadata_blocks(&self) -> u64 {
        self.metadata_blocks.1.saturating_sub(self.metadata_blocks.0)
    }
}
