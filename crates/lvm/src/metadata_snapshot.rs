//! [`MetadataSnapshot`]: a pool's metadata, frozen for the time of a walk.
//!
//! A pool has one at most. It freezes mappings, not data, and the pool goes on meanwhile. The
//! kernel keeps it when its maker is gone, even across a reboot, so the lock file records it.

use nix::errno::Errno;

use crate::dm::is;
use crate::error::Result;
use crate::lock::{KeepWaiting, LockFile};
use crate::{DeviceMapper, Error, PoolDevice, PoolMode};

/// A reserved metadata snapshot, and the lock that keeps other runs of ours from the pool's.
pub struct MetadataSnapshot<'a> {
    dm: &'a DeviceMapper,
    pool: String,
    root: u64,
    /// None once it has been released.
    lock: Option<LockFile>,
}

/// What [`MetadataSnapshot::reserve`] does about one that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reserve {
    /// It is an error, unless it is the leftover of a run of ours.
    IfFree,
    /// It is released, whoever holds it.
    EvenIfHeld,
}

/// What the lock file says before the kernel has been asked: should this run be killed right after
/// the kernel has done it, then the next one still knows whose the metadata snapshot is.
const ASKED: &str = "reserving a metadata snapshot\n";
const HELD: &str = "metadata snapshot held at block ";

impl<'a> MetadataSnapshot<'a> {
    /// Waits for the pool's lock and reserves the metadata snapshot.
    ///
    /// # Errors
    /// [`Error::MetadataSnapshotHeld`]; [`Error::State`] where the pool is in no state for it;
    /// [`Error::WaitGivenUp`]; [`Error::Dm`].
    pub fn reserve(
        dm: &'a DeviceMapper,
        pool: &PoolDevice,
        how: Reserve,
        keep_waiting: KeepWaiting<'_>,
    ) -> Result<Self> {
        let lock = LockFile::wait(&pool.name, keep_waiting)?;
        let status = pool.status(dm)?;
        if status.needs_check || status.mode == PoolMode::ReadOnly {
            let why = if status.needs_check { "needs a check" } else { "is read-only" };
            return Err(Error::State(format!(
                "pool {} {why}, and allows no metadata snapshot; see `dmsetup status {}` and \
                 lvmthin(7), metadata check and repair",
                pool.name, pool.name
            )));
        }
        if let Some(root) = status.held_root {
            let record = lock.record()?;
            if how == Reserve::IfFree && record != ASKED && record != format!("{HELD}{root}\n") {
                // The file says nothing that anybody needs.
                lock.remove();
                return Err(Error::MetadataSnapshotHeld { pool: pool.name.clone(), root });
            }
            let whose =
                if how == Reserve::IfFree { "left by a run that was killed" } else { "found" };
            log::warn!("releasing the metadata snapshot of pool {}, {whose}", pool.name);
            dm.message(&pool.name, "release_metadata_snap")?;
        }
        lock.set_record(ASKED)?;
        if let Err(error) = dm.message(&pool.name, "reserve_metadata_snap") {
            lock.remove();
            return Err(match &error {
                Error::Dm { source, .. } if is(source, Errno::EBUSY) => {
                    let root = pool.status(dm)?.held_root.unwrap_or_default();
                    Error::MetadataSnapshotHeld { pool: pool.name.clone(), root }
                }
                _ => error,
            });
        }
        // From here on, every way out releases it.
        let mut snapshot = Self { dm, pool: pool.name.clone(), root: 0, lock: Some(lock) };
        snapshot.root = pool.status(dm)?.held_root.ok_or_else(|| {
            Error::State(format!("the metadata snapshot of pool {} was released", pool.name))
        })?;
        if let Some(lock) = &snapshot.lock {
            lock.set_record(&format!("{HELD}{}\n", snapshot.root))?;
        }
        Ok(snapshot)
    }

    /// The metadata block of the copied superblock.
    pub fn root(&self) -> u64 {
        self.root
    }

    /// Gives the metadata snapshot back to the kernel.
    ///
    /// # Errors
    /// [`Error::Dm`] where the kernel refuses: somebody else released it meanwhile, and what was
    /// read through it cannot be trusted.
    pub fn release(mut self) -> Result<()> {
        self.undo()
    }

    /// Releases it once, however often it is called.
    fn undo(&mut self) -> Result<()> {
        let Some(lock) = self.lock.take() else { return Ok(()) };
        let released = self.dm.message(&self.pool, "release_metadata_snap");
        match &released {
            Err(Error::Dm { source, .. }) if !is(source, Errno::EINVAL) => {
                // Still held: the record stays for the next run.
            }
            _ => lock.remove(),
        }
        released
    }
}

impl Drop for MetadataSnapshot<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.undo() {
            log::error!("the metadata snapshot of pool {}: {error}", self.pool);
        }
    }
}
