//! Opening a volume's device.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use anyhow::{Context, anyhow};
use blockio::{AlignedBuf, Device, OpenMode, ReadAt};
use lvm::{DeviceMapper, DeviceNumber, DeviceStatus, ThinDevice};

use flow::Interrupt;

/// Opens a thin volume's device, as [`open_device`] does.
///
/// # Errors
/// Where it cannot be opened, or is another one by now.
pub fn open_thin(thin: &ThinDevice, mode: OpenMode) -> anyhow::Result<Device> {
    open_device(&thin.device, mode)
}

/// Opens a device, and makes sure that it is the one meant: a name and a number are used again once a
/// volume is gone, but not while the device is open.
///
/// # Errors
/// Where it cannot be opened, or is another one by now.
pub fn open_device(status: &DeviceStatus, mode: OpenMode) -> anyhow::Result<Device> {
    let (node, name) = (status.node()?, &status.name);
    let device = Device::open(&node, mode)
        .with_context(|| format!("opening {} ({name}); is it in use?", node.display()))?;
    status.check_opened(DeviceNumber::from_rdev(device.rdev()))?;
    Ok(device)
}

/// Waits while what lies at `path` is a block device that is suspended, or lies on one: nothing can be
/// read there, and no signal would end an attempt. Whatever else is wrong with it, opening it tells.
///
/// # Errors
/// Where a signal comes.
pub fn await_device(path: &Path, interrupt: &Interrupt) -> anyhow::Result<()> {
    let Ok(metadata) = std::fs::metadata(path) else { return Ok(()) };
    if metadata.file_type().is_block_device() {
        let number = DeviceNumber::from_rdev(metadata.rdev());
        lvm::wait_while_suspended(number, &|| interrupt.is_absent())?;
    }
    Ok(())
}

/// Brings what others left in the page cache to a thin volume, before its device is read past that.
///
/// # Errors
/// Where the device fails. A pool that takes no writes can refuse even an empty flush: then that
/// is what the error says.
pub fn write_back(dm: &DeviceMapper, thin: &ThinDevice, device: &Device) -> anyhow::Result<()> {
    let Err(error) = device.write_back() else { return Ok(()) };
    let pool = thin.pool(dm)?;
    match pool.status(dm)?.takes_no_writes() {
        None => Err(error.into()),
        Some(why) => Err(anyhow!(
            "pool {0} {why}: see `dmsetup status {0}` and lvmthin(7); its volumes cannot be synced: \
             {error}",
            pool.name
        )),
    }
}

/// Reads something of a device, past the page cache, for the kernel to count. Whether that succeeds does
/// not matter.
pub fn read_once(device: &Device) {
    if let Ok(mut buf) = AlignedBuf::new(device.size().clamp(1, 4096) as usize) {
        _ = device.read_at(0, &mut buf);
    }
}
