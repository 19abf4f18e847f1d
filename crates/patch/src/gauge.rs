//! [`Gauge`]: what a pool has left while a stream is applied. Others write to the pool meanwhile, so the check
//! made beforehand is not enough.

use std::io;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use flow::{Interrupt, Refusal};
use lvm::{PoolDevice, PoolStatus};

use crate::chunks::Chunks;
use crate::free::Free;
use crate::leaves::LEAST_MAPPINGS;

/// Metadata blocks that are left alone: a pool without any becomes read-only, and needs repair.
const SPARE_METADATA: u64 = 16;

/// The metadata blocks that a write can take: the nodes on the way to one leaf, and its neighbour.
const METADATA_OF_A_WRITE: u64 = 8;

/// How many ranges of chunks are remembered, besides the volume's own. Forgotten ones are counted once more.
const RANGES: usize = 1 << 16;

/// Grants chunks of a pool to the writing threads, as long as there are some.
pub(crate) struct Gauge {
    pool: PoolDevice,
    ask: Ask,
    /// How many ranges are remembered.
    ranges: usize,
    state: Mutex<State>,
    returned: Condvar,
}

/// Asks the kernel for the pool's status.
pub(crate) type Ask = Box<dyn Fn() -> anyhow::Result<PoolStatus> + Send + Sync>;

struct State {
    /// The chunks that take no more space.
    taken: Chunks,
    /// What can be granted before the pool is asked again.
    left: Amount,
    /// What is granted to writes that have not finished: the pool's numbers may not include it yet.
    under_way: Amount,
}

#[derive(Clone, Copy, Default)]
struct Amount {
    chunks: u64,
    metadata: u64,
}

/// Permission to write, until it is dropped.
pub(crate) struct Grant<'a> {
    gauge: &'a Gauge,
    amount: Amount,
}

impl Gauge {
    /// A gauge of `pool`, for a volume whose chunks in `own` take no space when written to.
    pub(crate) fn new(pool: PoolDevice, ask: Ask, own: &[(u64, u64)]) -> Self {
        let taken = Chunks::Any(own.iter().copied().collect());
        let (left, under_way) = (Amount::default(), Amount::default());
        let state = Mutex::new(State { taken, left, under_way });
        Self { pool, ask, ranges: RANGES + own.len(), state, returned: Condvar::new() }
    }

    /// Permission to write to a range of the volume, in bytes.
    ///
    /// # Errors
    /// [`Refusal::no_space`] if the pool would become full.
    pub(crate) fn write(
        &self,
        begin: u64,
        end: u64,
        interrupt: &Interrupt,
    ) -> io::Result<Grant<'_>> {
        let chunk_size = self.pool.table.chunk_size;
        let mut state = self.lock();
        let chunks = state.taken.add(begin / chunk_size, end.div_ceil(chunk_size)).0;
        state.taken.shrink_to(self.ranges);
        let metadata = match chunks {
            0 => 0,
            chunks => METADATA_OF_A_WRITE + chunks.div_ceil(LEAST_MAPPINGS / 2),
        };
        self.grant(state, Amount { chunks, metadata }, interrupt)
    }

    /// Permission to discard a range of whole chunks. That takes metadata: nodes shared with a snapshot are
    /// copied before they change.
    ///
    /// # Errors
    /// [`Refusal::no_space`] if the pool's metadata would become full.
    pub(crate) fn discard(
        &self,
        begin: u64,
        end: u64,
        interrupt: &Interrupt,
    ) -> io::Result<Grant<'_>> {
        let chunk_size = self.pool.table.chunk_size;
        let (first, behind) = (begin.div_ceil(chunk_size), end / chunk_size);
        let mut state = self.lock();
        state.taken.remove(first, behind);
        let leaves = behind.saturating_sub(first).div_ceil(LEAST_MAPPINGS);
        let metadata = METADATA_OF_A_WRITE + leaves.saturating_mul(2);
        self.grant(state, Amount { chunks: 0, metadata }, interrupt)
    }

    fn grant<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        amount: Amount,
        interrupt: &Interrupt,
    ) -> io::Result<Grant<'a>> {
        let Amount { chunks, metadata } = amount;
        while chunks > state.left.chunks || metadata > state.left.metadata {
            interrupt.check()?;
            let status = (self.ask)().map_err(io::Error::other)?;
            if let Some(why) = status.takes_no_writes() {
                return Err(io::Error::other(format!("pool {} {why}", self.pool.name)));
            }
            let under_way = state.under_way;
            let free = Amount {
                chunks: status.free_chunks().saturating_sub(under_way.chunks),
                metadata: status
                    .free_metadata_blocks()
                    .saturating_sub(SPARE_METADATA)
                    .saturating_sub(under_way.metadata),
            };
            if chunks <= free.chunks && metadata <= free.metadata {
                // Half of the rest: the less there is, the more often the pool is asked.
                state.left.chunks = chunks + (free.chunks - chunks) / 2;
                state.left.metadata = metadata + (free.metadata - metadata) / 2;
            } else if under_way.chunks > 0 || under_way.metadata > 0 {
                // Some of it may be counted twice, which is settled once the others have written.
                let a_second = Duration::from_secs(1);
                state = self.returned.wait_timeout(state, a_second).expect("nobody panics").0;
            } else {
                return Err(io::Error::other(self.refusal(chunks <= free.chunks)));
            }
        }
        state.left.chunks -= chunks;
        state.left.metadata -= metadata;
        state.under_way.chunks += chunks;
        state.under_way.metadata += metadata;
        Ok(Grant { gauge: self, amount })
    }

    fn refusal(&self, has_chunks: bool) -> Refusal {
        let name = &self.pool.name;
        Refusal::no_space(match has_chunks {
            true => format!(
                "pool {name} has no metadata left: others write to it, or the stream did not \
                 announce everything; extend it with `lvextend --poolmetadatasize`"
            ),
            false => format!(
                "pool {name} would become full: others write to it, or the stream did not say how \
                 much it takes; extend it with `lvextend`, or remove volumes"
            ),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }
}

impl Drop for Grant<'_> {
    fn drop(&mut self) {
        let mut state = self.gauge.lock();
        state.under_way.chunks -= self.amount.chunks;
        state.under_way.metadata -= self.amount.metadata;
        drop(state);
        self.gauge.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::testing::is_no_space;

    const CHUNK: u64 = 65536;

    /// A gauge of a pool of 100 chunks, `used` of which are taken.
    fn gauge(used: &Arc<AtomicU64>, metadata: u64, own: &[(u64, u64)]) -> Gauge {
        let used = Arc::clone(used);
        let ask = move || {
            let used = used.load(Ordering::Relaxed);
            Ok(format!("1 {metadata}/1000 {used}/100 - rw discard_passdown queue - 0").parse()?)
        };
        Gauge::new(crate::testing::pool(), Box::new(ask), own)
    }

    #[test]
    fn the_last_chunk_is_granted_and_no_more() {
        let (used, interrupt) = (Arc::new(AtomicU64::new(0)), Interrupt::default());
        let gauge = gauge(&used, 0, &[]);
        for chunk in 0..100 {
            drop(gauge.write(chunk * CHUNK, chunk * CHUNK + 512, &interrupt).unwrap());
            // The rest of the chunk takes no more space.
            drop(gauge.write(chunk * CHUNK + 512, (chunk + 1) * CHUNK, &interrupt).unwrap());
            used.fetch_add(1, Ordering::Relaxed);
        }
        drop(gauge.write(0, CHUNK, &interrupt).unwrap());
        let error = gauge.write(100 * CHUNK, 101 * CHUNK, &interrupt).err().unwrap();
        assert!(is_no_space(&error.into()));
    }

    #[test]
    fn what_others_take_is_seen() {
        let (used, interrupt) = (Arc::new(AtomicU64::new(0)), Interrupt::default());
        let gauge = gauge(&used, 0, &[(200, 300)]);
        drop(gauge.write(0, CHUNK, &interrupt).unwrap());
        used.store(100, Ordering::Relaxed);
        let granted = (1..100).take_while(|chunk| {
            gauge.write(chunk * CHUNK, (chunk + 1) * CHUNK, &interrupt).is_ok()
        });
        assert!(granted.count() <= 50);
        // Writing to the volume's own chunks takes no space, unless they were unmapped.
        drop(gauge.write(200 * CHUNK, 300 * CHUNK, &interrupt).unwrap());
        drop(gauge.discard(210 * CHUNK, 220 * CHUNK, &interrupt).unwrap());
        drop(gauge.write(200 * CHUNK, 210 * CHUNK, &interrupt).unwrap());
        assert!(gauge.write(215 * CHUNK, 216 * CHUNK, &interrupt).is_err());
    }

    #[test]
    fn a_write_that_has_not_ended_is_counted() {
        let (used, interrupt) = (Arc::new(AtomicU64::new(98)), Interrupt::default());
        let gauge = gauge(&used, 0, &[]);
        let first = gauge.write(0, CHUNK, &interrupt).unwrap();
        let second = gauge.write(CHUNK, 2 * CHUNK, &interrupt).unwrap();
        std::thread::scope(|scope| {
            let third = scope.spawn(|| gauge.write(2 * CHUNK, 3 * CHUNK, &interrupt).is_err());
            used.store(100, Ordering::Relaxed);
            drop((first, second));
            assert!(third.join().unwrap());
        });
    }

    #[test]
    fn metadata_is_never_used_up() {
        let (used, interrupt) = (Arc::new(AtomicU64::new(0)), Interrupt::default());
        let error = gauge(&used, 980, &[]).write(0, CHUNK, &interrupt).err().unwrap();
        assert!(is_no_space(&error.into()));
        assert!(gauge(&used, 980, &[]).discard(0, CHUNK, &interrupt).is_err());
        assert!(gauge(&used, 900, &[]).discard(0, 1 << 40, &interrupt).is_err());
        gauge(&used, 900, &[]).discard(0, CHUNK, &interrupt).map(drop).unwrap();
    }
}
