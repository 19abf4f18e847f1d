//! [`Activation`]: a volume that is active for the time of a run.
//!
//! LVM makes snapshots with "activation skipped" by default, so most bases are inactive. Two runs
//! can need the same one: they share a lock on it, and the last of them puts it back as it was.

use std::path::Path;

use crate::error::Result;
use crate::lock::{Joined, KeepWaiting, LockFile, pause};
use crate::{DeviceMapper, LogicalVolume, command};

/// A volume that is active, and inactive again afterwards if a run of ours made it active.
pub struct Activation {
    volume: String,
    /// Shared by all runs of ours that need the volume; none where it was active before them.
    lock: Option<LockFile>,
}

const ACTIVATED: &str = "activated for the time of a run\n";

impl Activation {
    /// Makes the volume active, if it is not.
    ///
    /// # Errors
    /// Where LVM fails to do it, or waiting for another run is given up.
    pub fn ensure(
        dm: &DeviceMapper,
        volume: &LogicalVolume,
        keep_waiting: KeepWaiting<'_>,
    ) -> Result<Self> {
        let object = format!("{}.active", volume.dm_name);
        let is_active = || Ok(dm.device(&volume.dm_name)?.is_some());
        let guard = |lock| Self { volume: volume.full_name(), lock };
        loop {
            match LockFile::join(&object)? {
                Joined::Alone(lock) => {
                    // An active volume with a record was left so by a run that was killed: it is
                    // taken over, and deactivated at the end.
                    let active = is_active()?;
                    if active && lock.record()? != ACTIVATED {
                        lock.remove();
                        return Ok(guard(None));
                    }
                    let mut guard = guard(Some(lock));
                    if guard.begin(active)? && is_active()? {
                        return Ok(guard);
                    }
                    // Another run came in between, and may have deactivated it: look again.
                    guard.lock = None;
                }
                Joined::Shared(lock) => {
                    if lock.record()? == ACTIVATED && is_active()? {
                        return Ok(guard(Some(lock)));
                    }
                }
                Joined::Busy => {}
            }
            pause(Path::new(&volume.full_name()), keep_waiting)?;
        }
    }

    /// Activates the volume, records it, and lets other runs share. False where the lock was lost.
    fn begin(&self, active: bool) -> Result<bool> {
        let Some(lock) = &self.lock else { return Ok(true) };
        if !active {
            lock.set_record(ACTIVATED)?;
            // -K: also where activation is skipped by default.
            command::run("lvchange", &["-ay", "-K", &self.volume])?;
        }
        Ok(lock.share()? && lock.is_current())
    }

    /// Puts the volume back as it was, unless another run of ours still needs it.
    ///
    /// # Errors
    /// Where LVM fails to do it: somebody else has opened it meanwhile.
    pub fn release(mut self) -> Result<()> {
        self.undo()
    }

    fn undo(&mut self) -> Result<()> {
        let Some(lock) = self.lock.take() else { return Ok(()) };
        if !lock.try_exclusive()? || !lock.is_current() {
            return Ok(()); // the one that shares it will do it
        }
        let deactivated = command::run("lvchange", &["-an", &self.volume]);
        lock.remove();
        deactivated.map(|_| ())
    }
}

impl Drop for Activation {
    fn drop(&mut self) {
        if let Err(error) = self.undo() {
            log::error!("{} stays active: {error}", self.volume);
        }
    }
}
