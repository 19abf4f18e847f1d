//! [`Ground`]: what the written device lies on.

use std::sync::Arc;

use hyperlayer::Header;
use lvm::PoolDevice;

use crate::gauge::Gauge;
use crate::room::Room;

/// What the written device lies on.
#[derive(Clone)]
pub struct Ground {
    /// The unit of allocation, in bytes.
    pub(crate) chunk_size: u64,
    /// Whether a write to part of a fresh chunk zeros the rest of it. If not, the rest shows what the chunk
    /// held before, for somebody else.
    pub(crate) zeroes: bool,
    /// Whether a discard unmaps, so that the range reads as zeros for good. On other block devices a discard
    /// says that nobody needs the bytes: what is read there later may change.
    pub(crate) unmaps: bool,
    /// Do not write data that is there already: that would take space where a snapshot shares it.
    pub leaves_same: bool,
    /// How much may be written.
    pub(crate) room: Room,
    /// The size of the stream's volume, in bytes.
    pub(crate) size: u64,
    /// The size of the external origin, in bytes, if the volume has one.
    pub(crate) origin: Option<u64>,
    /// Tracks what the pool has left meanwhile.
    pub(crate) gauge: Option<Arc<Gauge>>,
}

impl Ground {
    /// A device or file whose space is all allocated.
    pub fn plain(header: &Header) -> Self {
        let (chunk_size, size) = (header.chunk_size, header.target.size);
        let room = Room::default();
        let (origin, gauge) = (None, None);
        let leaves_same = false;
        Self { chunk_size, zeroes: true, unmaps: false, leaves_same, room, size, origin, gauge }
    }

    /// A thin volume of a pool; `header` is the stream's, `origin` the size of the volume's external origin.
    pub(crate) fn of_pool(
        pool: &PoolDevice,
        header: &Header,
        room: Room,
        origin: Option<u64>,
        gauge: Option<Arc<Gauge>>,
    ) -> Self {
        let (chunk_size, zeroes) = (pool.table.chunk_size, pool.table.zeroes);
        let (size, leaves_same) = (header.target.size, header.undo);
        Self { chunk_size, zeroes, unmaps: true, leaves_same, room, size, origin, gauge }
    }

    /// The range in which a fresh chunk shows old data although an external origin covers the rest of the
    /// chunk: there is one if the origin ends inside a chunk and the pool does not zero.
    pub(crate) fn unzeroed_tail(&self) -> Option<std::ops::Range<u64>> {
        let origin = self.origin.filter(|_| !self.zeroes)?;
        let end = origin.checked_next_multiple_of(self.chunk_size)?;
        (origin < end).then_some(origin..end)
    }
}
