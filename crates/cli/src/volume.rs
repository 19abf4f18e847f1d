//! Opening a thin volume's device.

use anyhow::{Context, ensure};
use blockio::{Device, OpenMode};
use lvm::{DeviceNumber, ThinDevice};

/// Opens a thin volume's device, and makes sure that it is the one meant: a number is used again
/// once a volume is gone, but not while the device is open.
///
/// # Errors
/// Where it cannot be opened, or is another one by now.
pub fn open_thin(thin: &ThinDevice, mode: OpenMode) -> anyhow::Result<Device> {
    let node = thin.node()?;
    let name = &thin.device.name;
    let device = Device::open(&node, mode)
        .with_context(|| format!("opening {} ({name}); is it in use?", node.display()))?;
    let number = DeviceNumber::from_rdev(device.rdev());
    ensure!(number == thin.device.number, "{} is another device than {name}", node.display());
    Ok(device)
}
