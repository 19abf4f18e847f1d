//! [`TemporarySnapshot`]: a thin snapshot that is gone afterwards, unless it is kept.
//!
//! Its name, its tag and a lock file tell it from volumes that are somebody's: what has all of the
//! name and the tag, while nobody holds the lock, was left by a run that was killed.

use crate::error::Result;
use crate::lock::LockFile;
use crate::name::dm_name;
use crate::{DeviceMapper, Error, LogicalVolume, ThinDevice, command, physical_volumes};

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
        let full_name = origin.full_name();
        Self::make(origin, &["--snapshot", &full_name])
    }

    /// Makes an empty thin volume of `size` bytes in a thin pool.
    ///
    /// # Errors
    /// Where LVM fails to do it; [`Error::State`] where the volume group's extents do not allow a
    /// volume of exactly this size.
    pub fn create_empty(pool: &LogicalVolume, size: u64) -> Result<Self> {
        check_extents(pool, size)?;
        let (pool_name, size_argument) = (pool.full_name(), format!("{size}b"));
        let snapshot = Self::make(
            pool,
            &["--type", "thin", "--thinpool", &pool_name, "--virtualsize", &size_argument],
        )?;
        check_size(&snapshot.volume, size)?;
        Ok(snapshot)
    }

    /// Makes a volume beside `sibling`; `how` are the arguments of lvcreate that say from what.
    fn make(sibling: &LogicalVolume, how: &[&str]) -> Result<Self> {
        let name = format!("{PREFIX}{:016x}", rand::random::<u64>());
        let group = &sibling.group;
        let full_name = format!("{group}/{name}");
        let Some(lock) = LockFile::try_now(&lock_object(group, &name))? else {
            return Err(Error::State(format!("{full_name} is another run's")));
        };
        // Whatever happens from here on, the volume is removed if it is there.
        let mut snapshot = Self {
            volume: LogicalVolume { name: name.clone(), ..sibling.clone() },
            lock: Some(lock),
        };
        // Active from the beginning, and whenever its group is activated: it becomes a volume like
        // any other if it is kept.
        let common = ["--yes", "--name", &name, "--setactivationskip", "n", "--activate", "y"];
        let rest = ["--permission", "rw", "--addtag", TAG];
        // The origin stands last; an empty volume is told its group by the pool's name.
        let made = command::run("lvcreate", &[&common[..], &rest, how].concat());
        if matches!(made, Err(Error::NotStarted(..)))
            && let Some(lock) = snapshot.lock.take()
        {
            lock.remove(); // there is nothing that could be removed
        }
        made?;
        snapshot.look_up()?;
        Ok(snapshot)
    }

    fn look_up(&mut self) -> Result<()> {
        let (group, name) = (&self.volume.group, &self.volume.name);
        let found = LogicalVolume::list()?
            .into_iter()
            .find(|volume| &volume.group == group && &volume.name == name);
        self.volume = found.ok_or_else(|| {
            Error::NotFound(format!("{group}/{name} is not there after LVM made it"))
        })?;
        Ok(())
    }

    /// Makes the volume larger or smaller. It must not be open where it becomes smaller.
    ///
    /// # Errors
    /// Where LVM fails to do it; [`Error::State`] where the volume group's extents do not allow
    /// exactly this size.
    pub fn resize(&mut self, size: u64) -> Result<()> {
        let (size_argument, name) = (format!("{size}b"), self.volume.full_name());
        let arguments = ["--yes", "--force", "--size", &size_argument, &name];
        // LVM 2.03.17 and later look for a file system that would be cut off, and refuse what they do
        // not know; the bytes are the stream's. Earlier ones do not know the option.
        match command::run("lvresize", &[&arguments[..], &["--fs", "ignore"]].concat()) {
            Err(Error::Command { message, .. }) if message.contains("nrecognized option") => {
                command::run("lvresize", &arguments)?;
            }
            done => drop(done?),
        }
        self.look_up()?;
        check_size(&self.volume, size)
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

    /// Keeps the volume under the name `name`, with these tags and no others; yields it.
    ///
    /// # Errors
    /// Where LVM fails to rename it; it is removed then. Where the volume group's disks cannot be
    /// synced, it is there, but may be a leftover again after a power cut.
    pub fn keep_as(mut self, name: &str, tags: &[String]) -> Result<LogicalVolume> {
        if let Err(error) = command::run("lvrename", &[&self.volume.group, &self.volume.name, name])
        {
            // It can fail after LVM wrote the new name down.
            let mut volumes = LogicalVolume::list().unwrap_or_default();
            volumes.retain(|volume| volume.uuid == self.volume.uuid && volume.name == name);
            let [renamed] = volumes.as_slice() else { return Err(error) };
            log::warn!("{} has its name, though: {error}", renamed.full_name());
        }
        let mut kept = self.volume.clone();
        kept.name = name.into();
        kept.dm_name = dm_name(&kept.group, name);
        // It is nobody's leftover under its new name, tag or no tag.
        if let Err(error) = kept.change_tags(tags) {
            log::warn!("{} keeps the tags {}: {error}", kept.full_name(), kept.tags.join(", "));
        }
        if let Some(lock) = self.lock.take() {
            lock.remove();
        }
        physical_volumes::sync(&kept.group)?;
        Ok(kept)
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

/// LVM rounds a size up to whole extents of the volume group. Says whether a volume beside
/// `volume` can have exactly this size.
///
/// # Errors
/// [`Error::State`].
pub fn check_extents(volume: &LogicalVolume, size: u64) -> Result<()> {
    let LogicalVolume { group, extent_size, .. } = volume;
    if size > 0 && (*extent_size == 0 || size.is_multiple_of(*extent_size)) {
        return Ok(());
    }
    Err(Error::State(format!(
        "volume group {group} has extents of {extent_size} bytes, so it can have no volume of {size} \
         bytes; `vgcreate --physicalextentsize` chooses the extents"
    )))
}

fn check_size(volume: &LogicalVolume, size: u64) -> Result<()> {
    if volume.size == size {
        return Ok(());
    }
    Err(Error::State(format!(
        "{} has {} bytes after LVM was asked for {size}",
        volume.full_name(),
        volume.size
    )))
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
///
/// It is tried twice: if somebody took the table of the volume's device away, LVM deactivates the
/// volume, then takes the pool for one that nobody uses, and fails to deactivate that.
fn remove(volume: &LogicalVolume) -> Result<()> {
    remove_once(volume).or_else(|error| {
        log::debug!("once more: {error}");
        remove_once(volume)
    })
}

fn remove_once(volume: &LogicalVolume) -> Result<()> {
    match command::run("lvremove", &["--yes", "--force", &volume.full_name()]) {
        Err(Error::Command { message, .. })
            if message.contains("Failed to find logical volume") =>
        {
            Ok(())
        }
        removed => removed.map(|_| ()),
    }
}
