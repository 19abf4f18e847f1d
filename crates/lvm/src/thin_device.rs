//! [`ThinDevice`] and [`PoolDevice`]: an active thin volume and its pool, as the kernel has them.

use std::path::PathBuf;

use crate::error::Result;
use crate::{
    DeviceMapper, DeviceNumber, DeviceStatus, Error, LogicalVolume, PoolStatus, PoolTable,
    ThinTable,
};

/// An active thin volume.
#[derive(Clone, Debug)]
pub struct ThinDevice {
    /// The volume's own device.
    pub device: DeviceStatus,
    /// Its table.
    pub table: ThinTable,
}

/// A pool's device: the one that takes messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolDevice {
    /// Device-mapper's name of it.
    pub name: String,
    /// Its number.
    pub number: DeviceNumber,
    /// Its table.
    pub table: PoolTable,
}

impl ThinDevice {
    /// Finds the device of an active volume, and holds what the kernel says against what LVM says.
    ///
    /// # Errors
    /// [`Error::State`] where the volume is inactive, no thin volume, or another than LVM means.
    pub fn find(dm: &DeviceMapper, volume: &LogicalVolume) -> Result<Self> {
        let name = volume.full_name();
        let Some(device) = dm.device(&volume.dm_name)? else {
            return Err(Error::State(format!("{name} is not active")));
        };
        let table: ThinTable = dm.table(&device.name, "thin")?.parse()?;
        if Some(table.id) != volume.thin_id {
            return Err(Error::State(format!(
                "{name} has thin id {} in the kernel, but {:?} in LVM's metadata",
                table.id, volume.thin_id
            )));
        }
        Ok(Self { device, table })
    }

    /// The thin volume that has this number; `None` where it is another kind of block device.
    ///
    /// # Errors
    /// [`Error::Dm`], or where the kernel's answer is not understood.
    pub fn find_by_number(dm: &DeviceMapper, number: DeviceNumber) -> Result<Option<Self>> {
        if number.dm_name().is_none() {
            return Ok(None);
        }
        let device = dm.device_by_number(number)?;
        let Some(table) = dm.table_of_kind(&device.name, "thin")? else { return Ok(None) };
        Ok(Some(Self { device, table: table.parse()? }))
    }

    /// The pool that the volume is in.
    ///
    /// # Errors
    /// [`Error::Dm`], or where the kernel's answer is not understood.
    pub fn pool(&self, dm: &DeviceMapper) -> Result<PoolDevice> {
        let device = dm.device_by_number(self.table.pool)?;
        let table = dm.table(&device.name, "thin-pool")?.parse()?;
        Ok(PoolDevice { name: device.name, number: device.number, table })
    }

    /// The volume's device node.
    ///
    /// # Errors
    /// Where sysfs does not know it.
    pub fn node(&self) -> Result<PathBuf> {
        self.device.number.node()
    }

    /// True where somebody holds the device open and may write to it: it is open, and not only once,
    /// by a file system that is mounted read-only.
    pub fn may_be_written(&self) -> bool {
        self.device.may_be_written()
    }
}

impl PoolDevice {
    /// Finds the device of a thin pool, whether any volume in it is active or not; `None` where the
    /// pool is not active.
    ///
    /// # Errors
    /// [`Error::State`] where it is no thin pool's device; [`Error::Dm`].
    pub fn find(dm: &DeviceMapper, pool: &LogicalVolume) -> Result<Option<Self>> {
        // Beside the volume itself LVM keeps the pool under a name of its own.
        let Some(device) = dm.device(&format!("{}-tpool", pool.dm_name))? else { return Ok(None) };
        let table = dm.table(&device.name, "thin-pool")?.parse()?;
        Ok(Some(Self { name: device.name, number: device.number, table }))
    }

    /// The pool's status now.
    ///
    /// # Errors
    /// [`Error::State`] where the pool has failed; [`Error::Dm`].
    pub fn status(&self, dm: &DeviceMapper) -> Result<PoolStatus> {
        dm.status(&self.name, "thin-pool")?.parse()
    }

    /// The node of the device that holds the pool's metadata.
    ///
    /// # Errors
    /// Where sysfs does not know it.
    pub fn metadata_node(&self) -> Result<PathBuf> {
        self.table.metadata.node()
    }
}
