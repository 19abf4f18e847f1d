//! [`TemporarySnapshot`]: a thin snapshot that is gone afterwards, unless it is kept.
//!
//! Its name, its tag and a lock file tell it from volumes that are somebody's: what has all of the
//! name and the tag, while nobody holds the lock, was left by a run that was killed.

use crate::error::Result;
use crate::lock::LockFile;
use crate::{DeviceMapper, Error, LogicalVolume, ThinDevice, command};

/// A snapshot of a thin volume, under a name of its own, active and writable.
pub struct TemporarySnapshot {
    volume: LogicalVolume,
    /// None once it has been kept or removed.
    lock: Option<LockFile>,
}

const PREFIX: &str = "lvdiff_tmp_";
const TAG: &str = "lvdiff_tmp";

impl TemporarySnapshot {
    /// Makes a snapshot of `origin`, which may be inactive.
    ///
    /// # Errors
    /// Where LVM fails to do it.
    pub fn create(origin: &LogicalVolume) -> Result<Self> {
        let name = format!("{PREFIX}{:016x}", rand::random::<u64>());
        let full_name = format!("{}/{name}", origin.group);
        let Some(lock) = LockFile::try_now(&lock_object(&origin.group, &name))? else {
            return Err(Error::State(format!("{full_name} is another run's")));
        };
        // Whatever happens from here on, the volume is removed if it is there.
        let mut snapshot = Self {
            volume: LogicalVolume { name: name.clone(), ..origin.clone() },
            lock: Some(lock),
        };
        command::run(
            "lvcreate",
            &[
                "--yes",
                "--snapshot",
                "--name",
                &name,
                // Active from the beginning, and whenever its group is activated: it becomes a volume
                // like any other if it is kept.
                "--setactivationskip",
                "n",
                "--activate",
                "y",
                "--permission",
                "rw",
                "--addtag",
                TAG,
                &origin.full_name(),
            ],
        )?;
        let found = LogicalVolume::list()?
            .into_iter()
            .find(|volume| volume.group == origin.group && volume.name == name);
        snapshot.volume = found.ok_or_else(|| {
            Error::NotFound(format!("{full_name} is not there after lvcreate made it"))
        })?;
        Ok(snapshot)
    }

    /// The snapshot as LVM knows it.
    pub fn volume(&self) -> &LogicalVolume {
        &self.volume
    }

    /// Its device.
    ///
    /// # Errors
    /// As [`ThinDevice::find`].
    pub fn device(&self, dm: &DeviceMapper) -> Result<ThinDevice> {
        ThinDevice::find(dm, &self.volume)
    }

    /// Keeps the snapshot under the name `name`.
    ///
    /// # Errors
    /// Where LVM fails to rename it; it is removed then.
    pub fn keep_as(mut self, name: &str) -> Result<()> {
        let group = &self.volume.group;
        command::run("lvrename", &[group, &self.volume.name, name])?;
        // It is nobody's leftover under its new name, tag or no tag.
        let untagged = command::run("lvchange", &["--deltag", TAG, &format!("{group}/{name}")]);
        if let Err(error) = untagged {
            log::warn!("{group}/{name} keeps the tag {TAG}, which means nothing: {error}");
        }
        if let Some(lock) = self.lock.take() {
            lock.remove();
        }
        Ok(())
    }

    /// Removes the snapshot.
    ///
    /// # Errors
    /// Where LVM fails to do it.
    pub fn remove(mut self) -> Result<()> {
        self.undo()
    }

    fn undo(&mut self) -> Result<()> {
        let Some(lock) = self.lock.take() else { return Ok(()) };
        let removed = remove(&self.volume);
        if removed.is_ok() {
            lock.remove();
        }
        removed
    }

    /// Removes from `volumes` what runs left behind that were killed, and from LVM.
    ///
    /// One that cannot be removed, because another program has it open, say, stays in both, and a
    /// warning names it: it is in no other run's way.
    ///
    /// # Errors
    /// Where the folder of the lock files cannot be read.
    pub fn remove_leftovers(volumes: &mut Vec<LogicalVolume>, group: &str) -> Result<()> {
        let mut leftovers = Vec::new();
        for volume in volumes.iter().filter(|volume| volume.group == group) {
            let ours = volume.name.starts_with(PREFIX) && volume.tags.iter().any(|tag| tag == TAG);
            if !ours {
                continue;
            }
            match remove_leftover(volume) {
                Ok(true) => leftovers.push(volume.uuid.clone()),
                Ok(false) => {}
                Err(error) => {
                    log::warn!("{} could not be removed: {error}", volume.full_name());
                }
            }
        }
        volumes.retain(|volume| !leftovers.contains(&volume.uuid));
        remove_stale_locks(volumes, group)
    }
}

impl Drop for TemporarySnapshot {
    fn drop(&mut self) {
        if let Err(error) = self.undo() {
            log::error!("{} could not be removed: {error}", self.volume.full_name());
        }
    }
}

fn lock_object(group: &str, name: &str) -> String {
    format!("{group}.{name}")
}

/// Removes the lock files of temporary volumes that were never made, or that are somebody's under
/// another name by now: a run can be killed right before and right after.
fn remove_stale_locks(volumes: &[LogicalVolume], group: &str) -> Result<()> {
    let is_there = |object: &str| {
        let of = |volume: &LogicalVolume| lock_object(&volume.group, &volume.name) == object;
        volumes.iter().any(of)
    };
    for object in LockFile::objects(&lock_object(group, PREFIX))? {
        if !is_there(&object)
            && let Some(lock) = LockFile::try_now(&object)?
        {
            lock.remove();
        }
    }
    Ok(())
}

/// Removes a volume that a killed run left; false where a run is at work on it.
fn remove_leftover(volume: &LogicalVolume) -> Result<bool> {
    let Some(lock) = LockFile::try_now(&lock_object(&volume.group, &volume.name))? else {
        return Ok(false);
    };
    log::warn!("removing {}, left by a run that was killed", volume.full_name());
    remove(volume)?;
    lock.remove();
    Ok(true)
}

/// Removes a volume. One that is not there (because making it failed) is as good as removed.
fn remove(volume: &LogicalVolume) -> Result<()> {
    match command::run("lvremove", &["--yes", "--force", &volume.full_name()]) {
        Err(Error::Command { message, .. })
            if message.contains("Failed to find logical volume") =>
        {
            Ok(())
        }
        removed => removed.map(|_| ()),
    }
}
