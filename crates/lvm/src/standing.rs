//! Volumes that stand still: snapshots and copies that are read-only, inactive, and not activated with their group.

use crate::error::Result;
use crate::merge::NoMerge;
use crate::not_activated::not_activated;
use crate::suspension::wait_for_volume;
use crate::{DeviceMapper, Error, KeepWaiting, LogicalVolume, command, no_space};

impl LogicalVolume {
    /// Takes a snapshot that nobody can write to; it has these tags from the first moment on.
    ///
    /// # Errors
    /// Where LVM fails to do it; [`Error::State`] where a merge into the volume waits, another volume has its name by now, or
    /// a device has the snapshot's; [`Error::WaitGivenUp`].
    pub fn take_snapshot(
        &self,
        dm: &DeviceMapper,
        name: &str,
        tags: &[String],
        keep_waiting: KeepWaiting<'_>,
    ) -> Result<Self> {
        self.snapshot(dm, name, "r", tags, keep_waiting)
    }

    /// Takes a snapshot that can be written to; until [`start`](Self::start) it stands still.
    ///
    /// # Errors
    /// As [`take_snapshot`](Self::take_snapshot).
    pub fn take_writable_snapshot(
        &self,
        dm: &DeviceMapper,
        name: &str,
        keep_waiting: KeepWaiting<'_>,
    ) -> Result<Self> {
        self.snapshot(dm, name, "rw", &[], keep_waiting)
    }

    fn snapshot(
        &self,
        dm: &DeviceMapper,
        name: &str,
        permission: &str,
        tags: &[String],
        keep_waiting: KeepWaiting<'_>,
    ) -> Result<Self> {
        wait_for_volume(dm, self, keep_waiting)?;
        dm.check_free(&self.group, name)?;
        let full_name = NoMerge::of(self)?.volume().full_name();
        let mut arguments = vec!["--yes", "--snapshot", "--name", name];
        arguments.extend(["--permission", permission, "--setactivationskip", "y"]);
        tags.iter().for_each(|tag| arguments.extend(["--addtag", tag]));
        arguments.push(&full_name);
        command::run("lvcreate", &arguments).map_err(|error| no_space::explained(error, self))?;
        let is_it = |other: &Self| other.group_uuid == self.group_uuid && other.name == name;
        let made = Self::list_in(&self.group)?.into_iter().find(is_it);
        let made = made.ok_or_else(|| {
            Error::State(format!("{}/{name} is not there after `lvcreate`", self.group))
        })?;
        // LVM was asked by name.
        if made.is_snapshot_of(self) {
            return Ok(made);
        }
        made.remove()?;
        Err(Error::State(format!("{full_name} was renamed or removed meanwhile")))
    }

    /// Makes this volume read-only, inactive, and one that is not activated with its group, with further tags.
    ///
    /// # Errors
    /// Where LVM fails to do it, for one because it is in use.
    pub fn lay_aside(&self, tags: &[String]) -> Result<()> {
        let mut arguments = vec!["--yes", "--permission", "r", "--setactivationskip", "y"];
        tags.iter().for_each(|tag| arguments.extend(["--addtag", tag]));
        let selection = format!("lv_uuid={}", self.uuid);
        let which = ["--select", &selection, &self.group];
        arguments.extend(which);
        command::run("lvchange", &arguments)?;
        let inactive = [&["--activate", "n"][..], &which].concat();
        command::run("lvchange", &inactive).map(drop)
    }

    /// Makes this volume active, now and with its group.
    ///
    /// # Errors
    /// Where LVM fails to do it, or does not do it and reports success.
    pub fn start(&self, dm: &DeviceMapper) -> Result<()> {
        let selection = format!("lv_uuid={}", self.uuid);
        for change in [["--setactivationskip", "n"], ["--activate", "y"]] {
            let arguments = [&["--yes"][..], &change, &["--select", &selection, &self.group]];
            command::run("lvchange", &arguments.concat())?;
        }
        match dm.device_of(self)? {
            Some(_) => Ok(()),
            None => Err(not_activated(&self.full_name())),
        }
    }

    /// Gives this volume tags, and takes others from it, at once.
    ///
    /// # Errors
    /// Where LVM fails to do it.
    pub fn retag(&self, new: &[String], gone: &[String]) -> Result<()> {
        let selection = format!("lv_uuid={}", self.uuid);
        let mut arguments = vec!["--yes"];
        new.iter().for_each(|tag| arguments.extend(["--addtag", tag]));
        gone.iter().for_each(|tag| arguments.extend(["--deltag", tag]));
        arguments.extend(["--select", &selection, &self.group]);
        command::run("lvchange", &arguments).map(drop)
    }

    /// Makes this volume one that can be written to; it stays as active as it is.
    ///
    /// # Errors
    /// Where LVM fails to do it.
    pub fn make_writable(&self) -> Result<()> {
        let selection = format!("lv_uuid={}", self.uuid);
        let which = ["--yes", "--permission", "rw", "--select", &selection, &self.group];
        match command::run("lvchange", &which) {
            // LVM calls that a failure.
            Err(Error::Command { message, .. }) if message.contains("already writable") => Ok(()),
            done => done.map(drop),
        }
    }

    /// Gives this volume another name, which must be free.
    ///
    /// # Errors
    /// Where LVM fails to do it; [`Error::State`] where a device has that name.
    pub fn rename(&self, dm: &DeviceMapper, name: &str) -> Result<()> {
        dm.check_free(&self.group, name)?;
        command::run("lvrename", &[&self.group, &self.name, name]).map(drop)
    }

    /// Removes this volume, whatever has its name by now.
    ///
    /// # Errors
    /// Where LVM fails to do it, because it is in use, say.
    pub fn remove(&self) -> Result<()> {
        let selection = format!("lv_uuid={}", self.uuid);
        command::run("lvremove", &["--yes", "--select", &selection, &self.group]).map(drop)
    }
}
