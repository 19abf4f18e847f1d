//! [`with_held_metadata`]: reads a pool's metadata while it is held.

use anyhow::Context;
use blockio::{Device, OpenMode, ReadAhead};
use flow::{Interrupt, Interruptible};
use lvm::{DeviceMapper, MetadataSnapshot, PoolDevice, Reserve};
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
