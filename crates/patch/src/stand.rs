//! [`Stand`]: what a pool has, and what the written volume has in it.

use std::ops::Range;

use lvm::{PoolDevice, PoolStatus, ThinStatus};

use crate::discards::Discards;
use crate::own::Own;

/// Counts the pool's chunks that an undo stream changes, except those in some ranges; `None` if the stream
/// was not read beforehand.
type CountChunks<'a> = dyn Fn(&[(u64, u64)]) -> anyhow::Result<Option<u64>> + 'a;

/// A pool, and what the written volume has in it.
pub(crate) struct Stand<'a> {
    pub(crate) pool: &'a PoolDevice,
    pub(crate) status: PoolStatus,
    /// The size of the volume's external origin, in bytes.
    pub(crate) origin: Option<u64>,
    /// The range that becomes zeros or is cut off besides the records, in bytes.
    pub(crate) cleared: Range<u64>,
    /// What is mapped in the volume.
    pub(crate) mapped: ThinStatus,
    /// Finds the volume's own chunks, if it is written in place.
    pub(crate) own: Option<&'a dyn Fn() -> anyhow::Result<Option<Own>>>,
    /// Counts the chunks that an undo stream changes, except those in some ranges.
    pub(crate) changed: Option<&'a CountChunks<'a>>,
}

impl Stand<'_> {
    /// What becomes of a discarded range.
    pub(crate) fn discards(&self) -> Discards {
        Discards::new(self.pool.table.chunk_size, self.status.ignores_discards, self.origin)
    }
}
