//! [`MetadataSnapshot`]: a pool's metadata, frozen for the time of a walk.
//!
//! A pool has one at most. It freezes mappings, not data, and the pool goes on meanwhile. The
//! kernel keeps it when its maker is gone, so the lock file records it. It even stays across a
//! reboot, which the lock file does not: from then on it counts as somebody else's.

use nix::errno::Errno;

use crate::dm::is;
use crate::error::Result;
use crate::instance::boot_id;
use crate::lock::{KeepWaiting, LockFile};
use crate::metadata_record::MetadataRecord;
use crate::suspension::wait_while_suspended;
use crate::{DeviceMapper, Error, PoolDevice};

/// A reserved metadata snapshot, and the lock that keeps other runs of ours from the pool's.
pub struct MetadataSnapshot<'a> {
    dm: &'a DeviceMapper,
    pool: PoolDevice,
    root: u64,
    /// None once it has been released.
    lock: Option<LockFile>,
}

/// What [`MetadataSnapshot::reserve`] does about one that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reserve {
    /// It is an error, unless it is the leftover of a run of ours.
    IfFree,
    /// It is released, no matter who holds it.
    EvenIfHeld,
}

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
        wait_while_suspended(pool.number, keep_waiting)?;
        let lock = LockFile::wait(&pool.name, keep_waiting)?;
        let status = pool.status(dm)?;
        if let Some(why) = status.takes_no_writes() {
            if status.held_root.is_none() {
                lock.remove();
            }
            return Err(Error::State(format!(
                "pool {} {why}, and allows no metadata snapshot; see `dmsetup status {}` and \
                 lvmthin(7), metadata check and repair",
                pool.name, pool.name
            )));
        }
        let boot = boot_id()?;
        if let Some(root) = status.held_root {
            let record = lock.record()?.parse::<MetadataRecord>();
            let left_by_a_run =
                record.is_ok_and(|record| record.is_of(root, &status, &boot, &pool.uuid));
            if how == Reserve::IfFree && !left_by_a_run {
                // The file says nothing that anybody needs.
                lock.remove();
                return Err(Error::MetadataSnapshotHeld { pool: pool.name.clone(), root });
            }
            let whose = if left_by_a_run { "left by a run that was killed" } else { "found" };
            log::warn!("releasing the metadata snapshot of pool {}, {whose}", pool.name);
            pool.message(dm, "release_metadata_snap")?;
        }
        let mut record = MetadataRecord {
            root: None,
            transaction: status.transaction,
            boot,
            pool: Some(pool.uuid.clone()),
        };
        lock.set_record(&record.to_string())?;
        if let Err(error) = pool.message(dm, "reserve_metadata_snap") {
            lock.remove();
            return Err(match &error {
                Error::Dm { source, .. } if is(source, Errno::EBUSY) => {
                    let root = pool.status(dm)?.held_root.unwrap_or_default();
                    Error::MetadataSnapshotHeld { pool: pool.name.clone(), root }
                }
                _ => error,
            });
        }
        // Where the status cannot be read any more, the record stays for the next run.
        let Some(root) = pool.status(dm)?.held_root else {
            lock.remove();
            return Err(released_by_another(pool));
        };
        // From here on, every way out releases it.
        let snapshot = Self { dm, pool: pool.clone(), root, lock: Some(lock) };
        if let Some(lock) = &snapshot.lock {
            record.root = Some(root);
            lock.set_record(&record.to_string())?;
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
    /// [`Error::State`] where somebody else released it meanwhile: what was read through it cannot
    /// be trusted. [`Error::Dm`] where the kernel refuses.
    pub fn release(mut self) -> Result<()> {
        self.undo()
    }

    /// Releases it once, however often it is called.
    fn undo(&mut self) -> Result<()> {
        let Some(lock) = self.lock.take() else { return Ok(()) };
        // The one that is held by now, if any, may be another program's.
        if self.pool.status(self.dm)?.held_root != Some(self.root) {
            lock.remove();
            return Err(released_by_another(&self.pool));
        }
        let released = self.pool.message(self.dm, "release_metadata_snap");
        match &released {
            // Still held: the record stays for the next run.
            Err(error @ Error::Dm { source, .. }) if !is(source, Errno::EINVAL) => {
                Err(Error::State(format!(
                    "the metadata snapshot of pool {}, at block {}, cannot be released \
                     ({error}): see lvmthin(7) if the pool is read-only or needs a check; the \
                     next run in this pool will release it once that is possible",
                    self.pool.name, self.root
                )))
            }
            _ => {
                lock.remove();
                released
            }
        }
    }
}

impl Drop for MetadataSnapshot<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.undo() {
            log::error!("the metadata snapshot of pool {}: {error}", self.pool.name);
        }
    }
}

fn released_by_another(pool: &PoolDevice) -> Error {
    Error::State(format!(
        "the metadata snapshot of pool {} was released by another program while it was being read",
        pool.name
    ))
}
