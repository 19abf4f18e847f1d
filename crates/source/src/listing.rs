//! [`list`]: the thin volumes of this machine.

use std::collections::BTreeMap;

use anyhow::Context;
use flow::Interrupt;
use lvm::{DeviceMapper, LogicalVolume, Reserve, Scope};

use crate::pool_view::{HeldMetadata, find_pool, is_active, with_held_metadata};

/// A thin volume, and what only its pool knows about it.
pub struct Listed {
    /// The volume as LVM reports it.
    pub volume: LogicalVolume,
    /// The total size of its mapped chunks, including those past its end; `None` if unknown.
    pub mapped_bytes: Option<u64>,
    /// Whether it has a device.
    pub is_active: bool,
}

/// The thin volumes in a scope.
pub struct Listing {
    /// Grouped by pool.
    pub volumes: Vec<Listed>,
    /// The names of the pools that could not be asked what is mapped, and why.
    pub unknown: Vec<(String, anyhow::Error)>,
}

/// How many bytes are mapped, by thin id.
type Mapped = BTreeMap<u32, u64>;

/// Lists the thin volumes in a scope, by pool. What is mapped comes from one metadata snapshot per pool.
///
/// # Errors
/// If LVM or the kernel cannot be asked.
pub fn list(scope: &Scope, reserve: Reserve, interrupt: &Interrupt) -> anyhow::Result<Listing> {
    let volumes = LogicalVolume::list().context("the logical volumes cannot be listed")?;
    let pools = scope.pools(&volumes)?;
    let dm = DeviceMapper::open()?;
    let (mut listed, mut unknown) = (Vec::new(), Vec::new());
    for pool in pools {
        let mut of_pool = volumes.iter().filter(|volume| volume.is_in(pool)).peekable();
        if of_pool.peek().is_none() {
            continue; // nothing to ask the pool for
        }
        let mapped = mapped(&dm, pool, reserve, interrupt)?.unwrap_or_else(|why| {
            unknown.push((pool.full_name(), why));
            Mapped::new()
        });
        for volume in of_pool {
            listed.push(Listed {
                mapped_bytes: volume.thin_id.and_then(|id| mapped.get(&id).copied()),
                is_active: is_active(&dm, volume)?,
                volume: volume.clone(),
            });
        }
    }
    Ok(Listing { volumes: listed, unknown })
}

/// How much is mapped in a pool's volumes, or why the pool cannot be asked.
fn mapped(
    dm: &DeviceMapper,
    pool: &LogicalVolume,
    reserve: Reserve,
    interrupt: &Interrupt,
) -> anyhow::Result<anyhow::Result<Mapped>> {
    let device = match find_pool(dm, pool)? {
        Ok(device) => device,
        Err(why) => return Ok(Err(why)),
    };
    let read = |metadata: &HeldMetadata<'_>| {
        let chunk_size = metadata.superblock().data_block_size();
        let bytes = |blocks: u64| blocks.saturating_mul(chunk_size);
        let devices = metadata.devices()?.into_iter();
        Ok(devices.map(|device| (device.id.get(), bytes(device.mapped_blocks))).collect())
    };
    match with_held_metadata(dm, &device, reserve, interrupt, read) {
        Ok(mapped) => mapped.map(Ok),
        Err(error) => {
            interrupt.check()?;
            Ok(Err(error.into()))
        }
    }
}
