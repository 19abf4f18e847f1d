//! [`Hashed`]: a volume that was read, and the digests of all that it holds.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Context;
use baseproof::LeafTree;
use blockio::ReadAt;
use flow::{Interrupt, Session};
use lvm::LogicalVolume;
use source::{Pair, PoolSource, Wants};

use crate::descent::{Digest, Tree};

/// How soon a signal ends a pause.
const LOOK_UP: Duration = Duration::from_millis(50);

/// What of a volume is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Itself.
    Itself,
    /// A temporary snapshot of it: nobody can write to that.
    Snapshot,
}

/// A volume that was read, and the digests of all that it holds. It is active until this is released or dropped, if
/// it was not active before.
pub(crate) struct Hashed {
    pair: Pair,
    tree: LeafTree,
    pub(crate) size: u64,
    pub(crate) top: Digest,
}

impl Hashed {
    /// Reads what is mapped of a volume, at most `bytes_per_second`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn read(
        volume: &LogicalVolume,
        volumes: Vec<LogicalVolume>,
        reading: Reading,
        bytes_per_second: Option<u64>,
        session: &Session<'_>,
    ) -> anyhow::Result<Self> {
        let source = PoolSource::of(None, volume.clone(), volumes)?;
        let source = PoolSource { snapshot: reading == Reading::Snapshot, ..source };
        let pair = source.open(&Wants::default(), session)?;
        let size = pair.names.target.size;
        let mut tree = LeafTree::new(flow::scratch_file()?, size)?;
        let paced = Paced {
            volume: &pair.target,
            bytes_per_second,
            interrupt: session.interrupt,
            begun: Instant::now(),
            read: AtomicU64::new(0),
        };
        // Without a base, an extent is what is mapped.
        let mapped = pair.changes.extents.iter().map(|extent| extent.map(source::Extent::range));
        let go_on = || session.interrupt.check();
        baseproof::for_each_leaf(&paced, size, Some(Box::new(mapped)), &go_on, |leaf, digest| {
            tree.leaf(leaf, Some(digest))
        })
        .with_context(|| format!("reading {}", volume.full_name()))
        .map_err(|error| pair.explain(error))?;
        pair.check()?;
        let top = tree.top()?;
        Ok(Self { pair, tree, size, top })
    }

    /// Reads bytes of the volume.
    ///
    /// # Errors
    /// If that fails.
    pub(crate) fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.pair.target.read_at(offset, buf)
    }

    /// Makes the volume as inactive as it was.
    ///
    /// # Errors
    /// If that fails.
    pub(crate) fn release(self) -> anyhow::Result<()> {
        self.pair.release()
    }

    /// The digests of a node's children; none where there is no such node.
    ///
    /// # Errors
    /// If the file with the digests cannot be read.
    pub(crate) fn children_of(
        &mut self,
        level: usize,
        node: u64,
    ) -> io::Result<Option<Vec<Digest>>> {
        self.tree.children(level, node)
    }
}

impl Tree for Hashed {
    fn children(&mut self, level: usize, nodes: &[u64]) -> anyhow::Result<Vec<Vec<Digest>>> {
        let one = |node: &u64| self.children_of(level, *node)?.context("there is no such node");
        nodes.iter().map(one).collect()
    }
}

/// A volume that is read at a certain rate, averaged from the start, by any number of threads.
struct Paced<'a, R> {
    volume: &'a R,
    bytes_per_second: Option<u64>,
    interrupt: &'a Interrupt,
    begun: Instant,
    read: AtomicU64,
}

impl<R: ReadAt> ReadAt for Paced<'_, R> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let length = buf.len() as u64;
        let read = self.read.fetch_add(length, Ordering::Relaxed).saturating_add(length);
        pause(read, self.bytes_per_second, self.begun, self.interrupt)?;
        self.volume.read_at(offset, buf)
    }

    fn behind_hole(&self, offset: u64) -> io::Result<u64> {
        self.volume.behind_hole(offset)
    }
}

/// Waits until so many bytes may have been read or sent since `begun`.
///
/// # Errors
/// If a signal comes.
pub(crate) fn pause(
    bytes: u64,
    bytes_per_second: Option<u64>,
    begun: Instant,
    interrupt: &Interrupt,
) -> io::Result<()> {
    let Some(rate) = bytes_per_second else { return Ok(()) };
    let due = due(bytes, rate);
    while let Some(left) = due.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
        interrupt.check()?;
        sleep(left.min(LOOK_UP));
    }
    Ok(())
}

/// How long it takes to read this many bytes.
fn due(bytes: u64, rate: u64) -> Duration {
    let seconds = bytes as f64 / rate.max(1) as f64;
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_lower_bound_of_the_time() {
        let interrupt = Interrupt::default();
        let (volume, begun) = (vec![7; 3000], Instant::now());
        let read = AtomicU64::new(0);
        let paced = Paced {
            volume: &volume,
            bytes_per_second: Some(10_000),
            interrupt: &interrupt,
            begun,
            read,
        };
        for place in 0..3 {
            let mut bytes = [0; 1000];
            paced.read_at(place * 1000, &mut bytes).unwrap();
            assert_eq!(bytes, [7; 1000]);
        }
        assert!(begun.elapsed() >= Duration::from_millis(300));
    }

    #[test]
    fn no_rate_is_too_small_or_too_large() {
        assert_eq!(due(1000, 500), Duration::from_secs(2));
        assert_eq!(due(1000, 0), Duration::from_secs(1000));
        assert_eq!(due(0, 0), Duration::ZERO);
        assert!(due(u64::MAX, 0) > Duration::from_secs(1 << 60));
    }
}
