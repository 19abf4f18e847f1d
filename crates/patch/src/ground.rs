//! [`Ground`]: what the device that is written lies on.

use std::sync::Arc;

use hyperlayer::Header;
use lvm::PoolDevice;

use crate::gauge::Gauge;
use crate::room::Room;

/// What the device that is written lies on.
#[derive(Clone)]
pub struct Ground {
    /// The unit of allocation, in bytes.
    pub(crate) chunk_size: u64,
    /// Whether a write to a part of a fresh chunk makes the rest of it zeros. Where it does not,
    /// the rest shows what the chunk held before, for somebody else.
    pub(crate) zeroes: bool,
    /// Whether what is discarded is unmapped, and reads as zeros for good. Of other block devices a
    /// discard says that nobody needs the bytes: what is read there later may change.
    pub(crate) unmaps: bool,
    /// What is there already is not written again: that would take space where a snapshot shares it.
    pub leaves_same: bool,
    /// How much may be written.
    pub(crate) room: Room,
    /// The size of the stream's volume, in bytes.
    pub(crate) size: u64,
    /// The size of the external origin, in bytes, where a volume has one.
    pub(crate) origin: Option<u64>,
    /// What the pool has left meanwhile.
    pub(crate) gauge: Option<Arc<Gauge>>,
}

impl Ground {
    /// A device or file that has all of its space already.
    pub fn plain(header: &Header) -> Self {
        let (chunk_size, size) = (header.chunk_size, header.target.size);
        let room = Room::default();
        let (origin, gauge) = (None, None);
        let leaves_same = false;
        Self { chunk_size, zeroes: true, unmaps: false, leaves_same, room, size, origin, gauge }
    }

    /// A thin volume of a pool; `header` is that of the stream, `origin` the size of the volume's external
    /// origin.
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

    /// The range of which a fresh chunk shows old data, although an external origin has the rest of the
    /// chunk: where that ends inside a chunk, and the pool does not zero.
    pub(crate) fn unzeroed_tail(&self) -> Option<std::ops::Range<u64>> {
        let origin = self.origin.filter(|_| !self.zeroes)?;
        let end = origin.checked_next_multiple_of(self.chunk_size)?;
        (origin < end).then_some(origin..end)
    }
}
