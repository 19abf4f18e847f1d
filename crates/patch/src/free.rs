//! [`Free`]: what a pool has left, according to its status.

use lvm::{PoolMode, PoolStatus};

/// What a pool has left, according to its status.
pub(crate) trait Free {
    /// Free chunks.
    fn free_chunks(&self) -> u64;
    /// Free blocks of its metadata.
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
