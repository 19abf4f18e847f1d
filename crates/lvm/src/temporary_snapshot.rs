//! [`TemporarySnapshot`]: a thin snapshot that is gone afterwards, unless it is kept.
//!
//! Its name, its tag and a lock file tell it from volumes that are somebody's: what has all of the
//! name and the tag, while nobody holds the lock, was left by a run that was killed.
//!
//! A run in a container can have lock files in a folder of its own, and the same volume groups. All
//! runs see how often the kernel has a device open: so its maker keeps it open, from when it is made
//! until it has another name or is to go. Before that nothing tells a run that goes on from one that
//! was killed, so for some seconds the volume is left alone.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::error::Result;
use crate::lock::{KeepWaiting, LockFile, pause};
use crate::merge::NoMerge;
use crate::name::{TEMPORARY_BEGINNINGS, dm_name, is_temporary_name, temporary_name};
use crate::not_activated::not_activated;
use crate::suspension::wait_for_volume;
use crate::{
    DeviceMapper, DeviceStatus, Error, LogicalVolume, ThinDevice, command, made, no_space,
    physical_volumes,
};

/// A snapshot of a thin volume, under a name of its own, active and writable.
pub struct TemporarySnapshot {
    volume: LogicalVolume,
    /// None once it has been kept or removed.
    lock: Option<LockFile>,
    /// Its device: nobody can remove the volume meanwhile.
    open: Option<File>,
}

const TAG: &str = "lvdiff_tmp";

/// LVM takes less to make a volume, and the caller opens it at once.
const MAKING: Duration = Duration::from_secs(10);

impl TemporarySnapshot {
    /// Makes a snapshot of `origin`, which may be inactive. One that is suspended is waited for: LVM
    /// leaves a pool behind that nothing works in.
    ///
    /// # Errors
    /// Where LVM fails to do it, or does not activate the snapshot; [`Error::State`] where a merge
    /// into the origin waits or goes on; [`Error::WaitGivenUp`].
    pub fn create(
        dm: &DeviceMapper,
        origin: &LogicalVolume,
        keep_waiting: KeepWaiting<'_>,
    ) -> Result<Self> {
        wait_for_volume(dm, origin, keep_waiting)?;
        let full_name = origin.full_name();
        let before = own_device(dm, origin)?;
        let no_merge = NoMerge::of(origin)?;
        let mut snapshot = Self::make(&no_merge, &["--snapshot", &full_name])?;
        // LVM is asked by name, and what had it may have been renamed a moment before. The snapshot is the
        // origin's if LVM listed the origin under its name, and its device was not renamed since before that.
        let is_the_same = |before: DeviceStatus| {
            let now = own_device(dm, origin).ok().flatten();
            now.is_some_and(|now| (now.number, now.events) == (before.number, before.events))
        };
        let kept_its_name = no_merge.has_its_name() && before.is_some_and(is_the_same);
        if kept_its_name && snapshot.look_up_device(dm)? {
            snapshot.volume.origin = Some(origin.name.clone());
            snapshot.volume.origin_uuid = Some(origin.uuid.clone());
        } else {
            snapshot.look_up()?;
            if !snapshot.volume.is_snapshot_of(origin) {
                return Err(Error::State(format!(
                    "{full_name} is no longer the same volume: it was renamed or removed in the \
                     meantime"
                )));
            }
        }
        snapshot.hold(dm)?;
        Ok(snapshot)
    }

    /// Makes an empty thin volume of `size` bytes in a thin pool.
    ///
    /// # Errors
    /// Where LVM fails to do it, or does not activate the volume; [`Error::State`] where the volume
    /// group's extents do not allow a volume of exactly this size; [`Error::WaitGivenUp`].
    pub fn create_empty(
        dm: &DeviceMapper,
        pool: &LogicalVolume,
        size: u64,
        keep_waiting: KeepWaiting<'_>,
    ) -> Result<Self> {
        check_extents(pool, size)?;
        wait_for_volume(dm, pool, keep_waiting)?;
        let (pool_name, size_argument) = (pool.full_name(), format!("{size}b"));
        let mut snapshot = Self::make(
            &NoMerge::of(pool)?,
            &["--type", "thin", "--thinpool", &pool_name, "--virtualsize", &size_argument],
        )?;
        if !snapshot.look_up_device(dm)? {
            snapshot.look_up()?;
        }
        snapshot.hold(dm)?;
        check_size(&snapshot.volume, size)?;
        Ok(snapshot)
    }

    /// Takes a thin volume that is nobody's, and makes it one of these: it is removed unless it is kept.
    ///
    /// # Errors
    /// Where LVM fails to do it, or does not activate the volume; [`Error::State`] where it is open;
    /// [`Error::WaitGivenUp`]. It is what it was then, or a leftover.
    pub fn adopt(
        dm: &DeviceMapper,
        mut volume: LogicalVolume,
        keep_waiting: KeepWaiting<'_>,
    ) -> Result<Self> {
        wait_for_volume(dm, &volume, keep_waiting)?;
        if dm.device_of(&volume)?.is_some_and(|device| device.open_count > 0) {
            return Err(Error::State(format!("{} is in use", volume.full_name())));
        }
        let name = temporary_name(&volume.group);
        let Some(lock) = LockFile::try_now(&lock_object(&volume.group, &name))? else {
            return Err(Error::State(format!("{}/{name} belongs to another run", volume.group)));
        };
        let full_name = volume.full_name();
        command::run("lvchange", &["--setactivationskip", "n", "--addtag", TAG, &full_name])?;
        command::run("lvrename", &[&volume.group, &volume.name, &name])?;
        volume.tags.push(TAG.into());
        volume.dm_name = dm_name(&volume.group, &name);
        volume.name = name;
        let mut snapshot = Self { volume, lock: Some(lock), open: None };
        command::run("lvchange", &["--activate", "y", &snapshot.volume.full_name()])?;
        snapshot.hold(dm)?;
        Ok(snapshot)
    }

    /// Makes a volume beside `sibling`; `how` are the arguments of lvcreate that say from what. Only its name
    /// is known then.
    fn make(sibling: &NoMerge<'_>, how: &[&str]) -> Result<Self> {
        let sibling = sibling.volume();
        let group = &sibling.group;
        let name = temporary_name(group);
        let full_name = format!("{group}/{name}");
        let Some(lock) = LockFile::try_now(&lock_object(group, &name))? else {
            return Err(Error::State(format!("{full_name} belongs to another run")));
        };
        // Whatever happens from here on, the volume is removed if it is there.
        let mut snapshot =
            Self { volume: made::before(sibling, &name, TAG), lock: Some(lock), open: None };
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
        made.map_err(|error| no_space::explained(error, sibling))?;
        Ok(snapshot)
    }

    /// Keeps the device open.
    fn hold(&mut self, dm: &DeviceMapper) -> Result<()> {
        let name = self.volume.full_name();
        let device = dm.device_of(&self.volume)?.ok_or_else(|| not_activated(&name))?;
        // Not even a device is there without /sys.
        let node = device.node().map_err(|error| match Path::new("/sys/dev/block").exists() {
            true => error,
            false => not_activated(&name),
        })?;
        self.open = Some(File::open(node).map_err(|error| Error::Io(name, error))?);
        Ok(())
    }

    /// Asks the kernel what was made; false where LVM must be asked.
    fn look_up_device(&mut self, dm: &DeviceMapper) -> Result<bool> {
        let made = made::look_up(dm, &self.volume)?;
        Ok(made.map(|made| self.volume = made).is_some())
    }

    fn look_up(&mut self) -> Result<()> {
        let (group, name) = (&self.volume.group, &self.volume.name);
        let found = LogicalVolume::list_in(group)?
            .into_iter()
            .find(|volume| volume.group_uuid == self.volume.group_uuid && &volume.name == name);
        // In test mode LVM makes nothing.
        self.volume = found.ok_or_else(|| not_activated(&format!("{group}/{name}")))?;
        Ok(())
    }

    /// Makes the volume larger or smaller. It must not be open elsewhere where it becomes smaller.
    ///
    /// # Errors
    /// Where LVM fails to do it; [`Error::State`] where the volume group's extents do not allow
    /// exactly this size.
    pub fn resize(&mut self, dm: &DeviceMapper, size: u64) -> Result<()> {
        if let Err(error) = self.resize_once(size) {
            // A version of LVM could want a volume closed that becomes smaller.
            log::debug!("once more, closed: {error}");
            self.open = None;
            self.resize_once(size)?;
            self.hold(dm)?;
        }
        self.look_up()?;
        check_size(&self.volume, size)
    }

    fn resize_once(&self, size: u64) -> Result<()> {
        let (size_argument, name) = (format!("{size}b"), self.volume.full_name());
        let arguments = ["--yes", "--force", "--size", &size_argument, &name];
        // LVM 2.03.17 and later look for a file system that would be cut off, and refuse what they do
        // not know; the bytes are the stream's. Earlier ones do not know the option.
        match command::run("lvresize", &[&arguments[..], &["--fs", "ignore"]].concat()) {
            Err(Error::Command { message, .. }) if message.contains("nrecognized option") => {
                command::run("lvresize", &arguments)
                    .map_err(|error| no_space::explained(error, &self.volume))?;
            }
            done => drop(done.map_err(|error| no_space::explained(error, &self.volume))?),
        }
        Ok(())
    }

    /// Has it activated by itself no more than `origin`, as it will be a volume like that. LVM's
    /// snapshots do not take this over.
    ///
    /// # Errors
    /// Where LVM fails to do it.
    pub fn take_over_autoactivation(&self, origin: &LogicalVolume) -> Result<()> {
        match origin.autoactivation {
            Some(false) => {
                let name = self.volume.full_name();
                command::run("lvchange", &["--setautoactivation", "n", &name]).map(drop)
            }
            Some(true) | None => Ok(()),
        }
    }

    /// Whether a volume is a temporary one, of a run that is still at work or was killed.
    pub fn is_one(volume: &LogicalVolume) -> bool {
        is_temporary_name(&volume.name) && volume.tags.iter().any(|tag| tag == TAG)
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
    /// Where LVM fails to rename it, or another device has its name; it is removed then. Where the volume group's disks cannot be
    /// synced, it is there, but may be a leftover again after a power cut.
    pub fn keep_as(
        mut self,
        dm: &DeviceMapper,
        name: &str,
        tags: &[String],
    ) -> Result<LogicalVolume> {
        dm.check_free(&self.volume.group, name)?;
        if let Err(error) = command::run("lvrename", &[&self.volume.group, &self.volume.name, name])
        {
            // It can fail after LVM wrote the new name down.
            let group = &self.volume.group;
            let mut volumes = LogicalVolume::list_in(group).unwrap_or_default();
            volumes.retain(|volume| volume.uuid == self.volume.uuid && volume.name == name);
            let [renamed] = volumes.as_slice() else { return Err(error) };
            log::warn!("{} has its name, though: {error}", renamed.full_name());
        }
        let mut kept = self.volume.clone();
        kept.name = name.into();
        kept.dm_name = dm_name(&kept.group, name);
        // It is nobody's leftover under its new name, tag or no tag.
        if let Err(error) = kept.change_tags(tags) {
            if !is_there(&kept)? {
                return Err(error);
            }
            log::warn!("{} keeps the tags {}: {error}", kept.full_name(), kept.tags.join(", "));
        }
        if let Some(lock) = self.lock.take() {
            lock.remove();
        }
        physical_volumes::sync(&kept)?;
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
        self.open = None;
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
    /// Where the folder of the lock files cannot be read; [`Error::WaitGivenUp`].
    pub fn remove_leftovers(
        dm: &DeviceMapper,
        volumes: &mut Vec<LogicalVolume>,
        group: &str,
        keep_waiting: KeepWaiting<'_>,
    ) -> Result<()> {
        let mut leftovers = Vec::new();
        for volume in volumes.iter().filter(|volume| volume.group == group) {
            if !Self::is_one(volume) {
                continue;
            }
            match remove_leftover(dm, volume, keep_waiting) {
                Ok(true) => leftovers.push(volume.uuid.clone()),
                Ok(false) => {}
                Err(error @ Error::WaitGivenUp(_)) => return Err(error),
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
    let fitting = match smaller_extents(*extent_size, size) {
        Some(smaller) => format!(
            "make them smaller with `vgchange --physicalextentsize {}k {group}`, or ",
            smaller / 1024
        ),
        None => String::new(),
    };
    let rounded = size.max(1).checked_next_multiple_of(*extent_size).unwrap_or(size);
    Err(Error::State(format!(
        "volume group {group} has extents of {extent_size} bytes, so it can have no volume of {size} \
         bytes: {fitting}extend the source to {rounded} bytes with `lvextend --size {rounded}b`, and make \
         the stream again"
    )))
}

/// The largest extents that a group can get from those that it has, and of which `size` bytes are a
/// multiple. LVM makes extents smaller while volumes are in use, if that divides what is there.
fn smaller_extents(extent_size: u64, size: u64) -> Option<u64> {
    let power = extent_size.trailing_zeros().min(size.trailing_zeros());
    (size > 0 && (10..63).contains(&power)).then(|| 1 << power)
}

fn check_size(volume: &LogicalVolume, size: u64) -> Result<()> {
    if volume.size == size {
        return Ok(());
    }
    Err(Error::State(format!(
        "{} has {} bytes, although LVM was asked for {size}",
        volume.full_name(),
        volume.size
    )))
}

/// The device that has the volume's name, if it is the volume's own.
fn own_device(dm: &DeviceMapper, volume: &LogicalVolume) -> Result<Option<DeviceStatus>> {
    let named = dm.device_named(volume)?;
    Ok(named.filter(|device| device.uuid == volume.dm_uuid("")))
}

/// Whether LVM still knows the volume under its name: a command that does not see LVM's locks here can
/// undo what was changed.
fn is_there(volume: &LogicalVolume) -> Result<bool> {
    let is_it = |other: &LogicalVolume| other.uuid == volume.uuid && other.name == volume.name;
    Ok(LogicalVolume::list_in(&volume.group)?.iter().any(is_it))
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
    let mut objects = Vec::new();
    for begin in TEMPORARY_BEGINNINGS {
        objects.extend(LockFile::objects(&lock_object(group, begin))?);
    }
    let is_of_a_temporary_volume = |object: &str| {
        let name = object.strip_prefix(group).and_then(|rest| rest.strip_prefix('.'));
        name.is_some_and(is_temporary_name)
    };
    for object in objects {
        if is_of_a_temporary_volume(&object)
            && !is_there(&object)
            && let Some(lock) = LockFile::try_now(&object)?
        {
            lock.remove();
        }
    }
    Ok(())
}

/// Removes a volume that a killed run left; false where a run is at work on it.
fn remove_leftover(
    dm: &DeviceMapper,
    volume: &LogicalVolume,
    keep_waiting: KeepWaiting<'_>,
) -> Result<bool> {
    // LVM is asked by name, and in a suspended pool it would hang or resume that.
    wait_for_volume(dm, volume, keep_waiting)?;
    let object = lock_object(&volume.group, &volume.name);
    let is_of_our_folder = LockFile::exists(&object);
    let Some(lock) = LockFile::try_now(&object)? else { return Ok(false) };
    if !is_of_our_folder {
        let open = is_open_elsewhere(dm, volume, keep_waiting);
        if !matches!(open, Ok(false)) {
            // A lock file that stays would say that the volume is of a run with this folder.
            lock.remove();
            log::info!(
                "{} is left alone: a run elsewhere may still be using it",
                volume.full_name()
            );
            return open.map(|_| false);
        }
    }
    log::warn!("removing {}, left by a run that was killed", volume.full_name());
    remove(volume)?;
    lock.remove();
    Ok(true)
}

/// Whether a run that has its lock files elsewhere is at work on a volume. One that was made just now
/// can be open at any moment, so it is looked at for a while.
fn is_open_elsewhere(
    dm: &DeviceMapper,
    volume: &LogicalVolume,
    keep_waiting: KeepWaiting<'_>,
) -> Result<bool> {
    let now = SystemTime::now();
    let made = volume
        .created
        .and_then(|time| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(time)));
    // Where the clock is wrong, the time begins now.
    let age = made.and_then(|made| now.duration_since(made).ok()).unwrap_or_default();
    let (begun, rest) = (Instant::now(), MAKING.saturating_sub(age));
    loop {
        if dm.device_of(volume)?.is_some_and(|device| device.open_count > 0) {
            return Ok(true);
        }
        if begun.elapsed() >= rest {
            return Ok(false);
        }
        pause(Path::new(&volume.full_name()), keep_waiting)?;
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smaller_extents_divide_both() {
        const MIB: u64 = 1 << 20;
        assert_eq!(smaller_extents(4 * MIB, 16 * MIB + 32768), Some(32768));
        assert_eq!(smaller_extents(3 * MIB, 16 * MIB), Some(MIB));
        assert_eq!(smaller_extents(4 * MIB, 16 * MIB + 512), None);
        assert_eq!(smaller_extents(4 * MIB, 0), None);
    }
}
