//! [`ThinDevice`] and [`PoolDevice`]: an active thin volume and its pool, as the kernel has them.

use crate::dm::Address;
use crate::error::Result;
use crate::owner::Owner;
use crate::{
    DeviceMapper, DeviceNumber, DeviceStatus, Error, LogicalVolume, Node, PoolStatus, PoolTable,
    ThinTable, owner,
};

/// An active thin volume.
#[derive(Clone, Debug)]
pub struct ThinDevice {
    /// The volume's own device.
    pub device: DeviceStatus,
    /// The device that is the thin one: the same, or the layer below it, under classic snapshots.
    pub(crate) thin: DeviceStatus,
    /// Its table.
    pub table: ThinTable,
    /// True where it has classic snapshots: what is written to it is kept for them first, and what they
    /// keep may fill them.
    pub has_classic_snapshots: bool,
}

/// A pool's device: the one that takes messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolDevice {
    /// Device-mapper's name of it.
    pub name: String,
    /// Its UUID.
    pub uuid: String,
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
        let Some(device) = dm.device_of(volume)? else {
            return Err(Error::State(format!("{name} is not active")));
        };
        let found = match Self::of(dm, &device)? {
            Some(found) => found,
            // Its error says what it is instead.
            None => {
                let table = dm.table(&device, "thin")?.parse()?;
                Self { thin: device.clone(), device, table, has_classic_snapshots: false }
            }
        };
        if Some(found.table.id) != volume.thin_id {
            return Err(Error::State(format!(
                "{name} has thin id {} in the kernel, but {:?} in LVM's metadata",
                found.table.id, volume.thin_id
            )));
        }
        let pool = dm.device_by_number(found.table.pool)?;
        let expected = volume.pool_uuid.as_deref().unwrap_or_default();
        if pool.uuid != owner::dm_uuid(&volume.group_uuid, expected, "-tpool") {
            return Err(Error::State(format!(
                "{name} is in the pool of device {} (UUID {:?}) in the kernel, but in pool {}/{} \
                 (UUID {expected}) in LVM's metadata: see `dmsetup table {}`",
                pool.name,
                pool.uuid,
                volume.group,
                volume.pool.as_deref().unwrap_or("-"),
                found.device.name
            )));
        }
        Ok(found)
    }

    /// The thin volume that has this number; `None` where it is another kind of block device.
    ///
    /// # Errors
    /// [`Error::Dm`], or where the kernel's answer is not understood.
    pub fn find_by_number(dm: &DeviceMapper, number: DeviceNumber) -> Result<Option<Self>> {
        if number.dm_name().is_none() {
            return Ok(None);
        }
        Self::of(dm, &dm.device_by_number(number)?)
    }

    /// The thin volume that a device is; `None` where it is none.
    fn of(dm: &DeviceMapper, device: &DeviceStatus) -> Result<Option<Self>> {
        let found = |table: String, thin: DeviceStatus, has_classic_snapshots| {
            let (device, table) = (device.clone(), table.parse()?);
            Ok(Some(Self { device, thin, table, has_classic_snapshots }))
        };
        if let Some(table) = dm.table_of_kind(device, "thin")? {
            return found(table, device.clone(), false);
        }
        // Under classic snapshots the volume itself is a layer below its device.
        let Some(below) = dm.table_of_kind(device, "snapshot-origin")? else { return Ok(None) };
        let below = dm.device_by_number(below.trim().parse()?)?;
        if !device.uuid.is_empty() && below.uuid != format!("{}-real", device.uuid) {
            return Err(Error::State(format!(
                "device {} is on device {}, which is not one of its layers: see `dmsetup table \
                 {}`",
                device.name, below.name, device.name
            )));
        }
        dm.table_of_kind(&below, "thin")?.map_or(Ok(None), |table| found(table, below, true))
    }

    /// The pool that the volume is in.
    ///
    /// # Errors
    /// [`Error::Dm`], or where the kernel's answer is not understood.
    pub fn pool(&self, dm: &DeviceMapper) -> Result<PoolDevice> {
        PoolDevice::of(dm, dm.device_by_number(self.table.pool)?)
    }

    /// The volume's device node.
    ///
    /// # Errors
    /// As [`DeviceNumber::node`].
    pub fn node(&self) -> Result<Node> {
        Node::of(self.device.number)
    }

    /// Whether somebody holds the volume open now and may write to it.
    ///
    /// # Errors
    /// As [`DeviceStatus::may_be_written`].
    pub fn may_be_written(&self, dm: &DeviceMapper) -> Result<bool> {
        self.device.may_be_written(dm)
    }
}

impl PoolDevice {
    /// Finds the device of a thin pool, whether any volume in it is active or not; `None` where the
    /// pool is not active.
    ///
    /// # Errors
    /// [`Error::State`] where it is no thin pool's device, or another pool's; [`Error::Dm`].
    pub fn find(dm: &DeviceMapper, pool: &LogicalVolume) -> Result<Option<Self>> {
        // Beside the volume itself LVM keeps the pool under a name of its own.
        dm.layer_of(pool, "-tpool")?.map(|device| Self::of(dm, device)).transpose()
    }

    fn of(dm: &DeviceMapper, device: DeviceStatus) -> Result<Self> {
        let table = dm.table(&device, "thin-pool")?.parse()?;
        let DeviceStatus { name, uuid, number, .. } = device;
        Ok(Self { name, uuid, number, table })
    }

    fn address(&self) -> Address<'_> {
        Address::Device { name: &self.name, uuid: &self.uuid, number: self.number }
    }

    /// The pool's status now.
    ///
    /// # Errors
    /// [`Error::State`] where the pool has failed; [`Error::Dm`].
    pub fn status(&self, dm: &DeviceMapper) -> Result<PoolStatus> {
        dm.status(self.address(), "thin-pool")?.parse()
    }

    /// Sends a message to the pool.
    pub(crate) fn message(&self, dm: &DeviceMapper, message: &str) -> Result<()> {
        dm.message(self.address(), message)
    }

    /// The device that holds the pool's metadata.
    ///
    /// # Errors
    /// [`Error::State`] where it is another volume group's; [`Error::Dm`].
    pub fn metadata(&self, dm: &DeviceMapper) -> Result<DeviceStatus> {
        let metadata = dm.device_by_number(self.table.metadata)?;
        if !Owner::may_share_group(&self.uuid, &metadata.uuid) {
            return Err(Error::State(format!(
                "pool {} has its metadata on device {}, which belongs to another volume group \
                 (UUID {:?}): see `dmsetup table {}`",
                self.name, metadata.name, metadata.uuid, self.name
            )));
        }
        Ok(metadata)
    }
}
