//! What a pool says of its volumes: [`with_held_metadata`] reads its metadata while it is held.

use anyhow::Context;
use blockio::{Device, OpenMode, ReadAhead};
use flow::{Interrupt, Interruptible};
use lvm::{DeviceMapper, LogicalVolume, MetadataSnapshot, PoolDevice, Reserve};
use thinmeta::{MetaBlock, Metadata, View};

use crate::device::open_device;

/// A pool's metadata, held in a metadata snapshot.
pub type HeldMetadata<'a> = Metadata<Interruptible<'a, ReadAhead<Device>>>;

/// Reserves a pool's metadata snapshot, reads it, and releases it, so the pool is free before any data is
/// copied. The outer result says whether the metadata could be held, the inner one whether it could be read.
///
/// # Errors
/// The outer error comes from [`MetadataSnapshot::reserve`]. The inner one comes from opening the metadata or
/// from `read`, or says that somebody else released the snapshot meanwhile, so the data read may be
/// inconsistent.
pub fn with_held_metadata<'a, T>(
    dm: &DeviceMapper,
    pool: &PoolDevice,
    reserve: Reserve,
    interrupt: &'a Interrupt,
    read: impl FnOnce(&HeldMetadata<'a>) -> anyhow::Result<T>,
) -> Result<anyhow::Result<T>, lvm::Error> {
    let held = MetadataSnapshot::reserve(dm, pool, reserve, &|| interrupt.is_absent())?;
    let found = open(dm, pool, &held, interrupt).and_then(|metadata| read(&metadata));
    let released = held.release();
    let found = found.with_context(|| format!("metadata of pool {}", pool.name));
    Ok(found.and_then(|found| {
        released?;
        Ok(found)
    }))
}

fn open<'a>(
    dm: &DeviceMapper,
    pool: &PoolDevice,
    held: &MetadataSnapshot<'_>,
    interrupt: &'a Interrupt,
) -> anyhow::Result<HeldMetadata<'a>> {
    let device = open_device(&pool.metadata(dm)?, OpenMode::Read)?;
    let size = device.size();
    let source = Interruptible { source: ReadAhead::new(device), interrupt };
    Ok(Metadata::open(source, size, View::HeldAt(MetaBlock::new(held.root())))?)
}

/// A pool's device, or why the pool cannot be asked.
///
/// # Errors
/// If the kernel cannot be asked.
pub(crate) fn find_pool(
    dm: &DeviceMapper,
    pool: &LogicalVolume,
) -> anyhow::Result<anyhow::Result<PoolDevice>> {
    match PoolDevice::find(dm, pool) {
        Ok(Some(device)) => Ok(Ok(device)),
        Ok(None) => Ok(Err(anyhow::anyhow!("it is not active"))),
        Err(error @ lvm::Error::State(_)) => Ok(Err(error.into())),
        Err(error) => Err(error.into()),
    }
}

/// Whether a volume has a device; another volume's device with the same name does not count.
///
/// # Errors
/// If the kernel cannot be asked.
pub(crate) fn is_active(dm: &DeviceMapper, volume: &LogicalVolume) -> anyhow::Result<bool> {
    match dm.device_of(volume) {
        Ok(device) => Ok(device.is_some()),
        Err(error @ lvm::Error::State(_)) => {
            log::warn!("{} is not active: {error}", volume.full_name());
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}
