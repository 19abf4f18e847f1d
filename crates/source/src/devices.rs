//! [`list_devices`]: the thin devices in a pool's metadata.

use std::path::Path;

use anyhow::Context;
use flow::Interrupt;
use thinmeta::DeviceInfo;

use crate::device::await_device;
use crate::files::open_metadata;

/// A thin device found in metadata.
pub struct ListedDevice {
    /// Its details as the pool records them.
    pub info: DeviceInfo,
    /// The total size of its mapped chunks.
    pub mapped_bytes: u64,
}

/// Lists the thin devices in a pool's metadata, by thin id. `metadata` is a file, or a device that no pool
/// uses; `direct` reads a file the way a device is read. Only the devices' details are read, however much is
/// mapped.
///
/// # Errors
/// If the metadata cannot be read, is in use by a running pool, or is damaged.
pub fn list_devices(
    metadata: &Path,
    direct: bool,
    interrupt: &Interrupt,
) -> anyhow::Result<Vec<ListedDevice>> {
    await_device(metadata, interrupt)?;
    let list = || -> anyhow::Result<_> {
        let metadata = open_metadata(metadata, direct, interrupt)?;
        let listed = |info: DeviceInfo| {
            Ok(ListedDevice { mapped_bytes: metadata.mapped_bytes(&info)?, info })
        };
        metadata.devices()?.into_iter().map(listed).collect()
    };
    list().with_context(|| format!("metadata {}", metadata.display()))
}
