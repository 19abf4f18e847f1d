//! [`Stand`]: what a pool has, and how the volume that is written stands in it.

use std::ops::Range;

use lvm::{PoolDevice, PoolStatus, ThinStatus};

use crate::discards::Discards;
use crate::own::Own;

/// Counts the chunks of the pool that an undo stream changes, without those in some ranges; `None` where it has
/// not been read beforehand.
type CountChunks<'a> = dyn Fn(&[(u64, u64)]) -> anyhow::Result<Option<u64>> + 'a;

/// A pool, and how the volume that is written stands in it.
pub(crate) struct Stand<'a> {
    pub(crate) pool: &'a PoolDevice,
    pub(crate) status: PoolStatus,
    /// The size of the volume's external origin, in bytes.
    pub(crate) origin: Option<u64>,
    /// What is cleared beside the records, in bytes: what lies there becomes zeros or goes.
    pub(crate) cleared: Range<u64>,
    /// What is mapped in the volume.
    pub(crate) mapped: ThinStatus,
    /// Finds the chunks that are the volume's own, where it is written itself.
    pub(crate) own: Option<&'a dyn Fn() -> anyhow::Result<Option<Own>>>,
    /// Counts the chunks that an undo stream changes, without those in some ranges.
    pub(crate) changed: Option<&'a CountChunks<'a>>,
}

impl Stand<'_> {
    /// What becomes of a range that is discarded.
    pub(crate) fn discards(&self) -> Discards {
        Discards::new(self.pool.table.chunk_size, self.status.ignores_discards, self.origin)
    }
}
