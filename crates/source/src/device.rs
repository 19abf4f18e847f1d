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
/// If it cannot be opened, or is a different device by now.
pub fn open_thin(thin: &ThinDevice, mode: OpenMode) -> anyhow::Result<Device> {
    open_device(&thin.device, mode)
}

/// Opens a device and checks that it is the right one: names and numbers are reused once a volume is gone,
/// but not while its device is open.
///
/// # Errors
/// If it cannot be opened, or is a different device by now.
pub fn open_device(status: &DeviceStatus, mode: OpenMode) -> anyhow::Result<Device> {
    let (node, name) = (status.node()?, &status.name);
    let device = Device::open(&node, mode)
        .with_context(|| format!("opening {} ({name}); is it in use?", node.display()))?;
    status.check_opened(DeviceNumber::from_rdev(device.rdev()))?;
    Ok(device)
}

/// Waits while `path` is a block device that is suspended, or lies on one that is: a read would hang, and no
/// signal would end it. Any other problem is reported when it is opened.
///
/// # Errors
/// If a signal arrives.
pub fn await_device(path: &Path, interrupt: &Interrupt) -> anyhow::Result<()> {
    let Ok(metadata) = std::fs::metadata(path) else { return Ok(()) };
    if metadata.file_type().is_block_device() {
        let number = DeviceNumber::from_rdev(metadata.rdev());
        lvm::wait_while_suspended(number, &|| interrupt.is_absent())?;
    }
    Ok(())
}

/// Writes data that others left in the page cache back to a thin volume, before its device is read directly.
///
/// # Errors
/// If the device fails. A pool that takes no writes can refuse even an empty flush: then the error says
/// so.
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

/// Reads a little of a device, bypassing the page cache, so that the kernel counts a read. Whether that
/// succeeds does not matter.
pub fn read_once(device: &Device) {
    if let Ok(mut buf) = AlignedBuf::new(device.size().clamp(1, 4096) as usize) {
        _ = device.read_at(0, &mut buf);
    }
}
