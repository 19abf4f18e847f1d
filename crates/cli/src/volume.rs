//! Opening a volume's device.

use anyhow::{Context, ensure};
use blockio::{Device, OpenMode};
use lvm::{DeviceNumber, DeviceStatus, ThinDevice};

/// Opens a thin volume's device, as [`open_device`] does.
///
/// # Errors
/// Where it cannot be opened, or is another one by now.
pub fn open_thin(thin: &ThinDevice, mode: OpenMode) -> anyhow::Result<Device> {
    open_device(&thin.device, mode)
}

/// Opens a device, and makes sure that it is the one meant: a number is used again once a volume is
/// gone, but not while the device is open.
///
/// # Errors
/// Where it cannot be opened, or is another one by now.
pub fn open_device(status: &DeviceStatus, mode: OpenMode) -> anyhow::Result<Device> {
    let (node, name) = (status.node()?, &status.name);
    let device = Device::open(&node, mode)
        .with_context(|| format!("opening {} ({name}); is it in use?", node.display()))?;
    let number = DeviceNumber::from_rdev(device.rdev());
    ensure!(number == status.number, "{} is another device than {name}", node.display());
    Ok(device)
}
