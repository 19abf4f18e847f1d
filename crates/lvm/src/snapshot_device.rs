//! [`SnapshotDevice`]: an active classic snapshot and its origin, as the kernel has them.

use crate::error::Result;
use crate::{
    DeviceMapper, DeviceNumber, DeviceStatus, Error, LogicalVolume, SnapshotStatus, SnapshotTable,
};

/// An active classic snapshot, whose exception store can be read.
#[derive(Clone, Debug)]
pub struct SnapshotDevice {
    /// The snapshot's own device.
    pub device: DeviceStatus,
    /// The origin's own device: what is written to it is kept for the snapshot first.
    pub origin: DeviceStatus,
    /// The snapshot's table.
    pub table: SnapshotTable,
}

impl SnapshotDevice {
    /// Finds the devices of an active snapshot and its origin, and makes sure that all that was
    /// written to either of them is in the snapshot's exception store.
    ///
    /// # Errors
    /// [`Error::State`] where they are inactive, the snapshot is invalid or transient, or one is being
    /// merged into the origin.
    pub fn find(
        dm: &DeviceMapper,
        snapshot: &LogicalVolume,
        origin: &LogicalVolume,
    ) -> Result<Self> {
        let active = |volume: &LogicalVolume| {
            let state = || Error::State(format!("{} is not active", volume.full_name()));
            dm.device_of(volume)?.ok_or_else(state)
        };
        let (device, origin_device) = (active(snapshot)?, active(origin)?);
        // While a snapshot is merged, the origin shows what is still to be merged, and no exception
        // of another snapshot tells of that.
        let Some(below) = dm.table_of_kind(&origin_device, "snapshot-origin")? else {
            return Err(Error::State(format!(
                "{} is not only a snapshot's origin: a snapshot is being merged into it, or it has \
                 none in the kernel (see `dmsetup table {}`)",
                origin.full_name(),
                origin_device.name
            )));
        };
        let below: DeviceNumber = below.trim().parse()?;
        if dm.device_by_number(below)?.uuid != origin.dm_uuid("-real") {
            return Err(Error::State(format!(
                "{} is on device {below}, which is not one of its layers: see `dmsetup table {}`",
                origin.full_name(),
                origin_device.name
            )));
        }
        let found =
            Self { table: dm.table(&device, "snapshot")?.parse()?, device, origin: origin_device };
        if found.table.origin != below {
            return Err(Error::State(format!(
                "{} is a snapshot of device {} in the kernel, but {} is on {below}",
                snapshot.full_name(),
                found.table.origin,
                origin.full_name()
            )));
        }
        if !found.table.persistent {
            return Err(Error::State(format!(
                "{} is a transient snapshot: its changes are recorded only in the kernel's memory",
                snapshot.full_name()
            )));
        }
        found.status(dm)?;
        Ok(found)
    }

    /// The snapshot's status now.
    ///
    /// # Errors
    /// [`Error::State`] where the snapshot cannot be used any more; [`Error::Dm`].
    pub fn status(&self, dm: &DeviceMapper) -> Result<SnapshotStatus> {
        dm.status(self.device.address(), "snapshot")?.parse()
    }

    /// The device that holds the exception store.
    ///
    /// # Errors
    /// [`Error::State`] where it is none of the snapshot's layers; [`Error::Dm`].
    pub fn cow(&self, dm: &DeviceMapper) -> Result<DeviceStatus> {
        let cow = dm.device_by_number(self.table.cow)?;
        if cow.uuid != format!("{}-cow", self.device.uuid) {
            return Err(Error::State(format!(
                "snapshot {} keeps its exceptions on device {}, which is not one of its layers: \
                 see `dmsetup table {}`",
                self.device.name, cow.name, self.device.name
            )));
        }
        Ok(cow)
    }
}
