//! What is written in place must not be used by anyone else.

use std::io::ErrorKind;

use blockio::Device;
use lvm::{DeviceMapper, DeviceNumber};

/// Claims what has been opened for writing, or says why it cannot; `writable` says how to make something
/// read-only writable.
pub(crate) fn hold(
    name: &str,
    writable: &str,
    opened: anyhow::Result<Device>,
) -> anyhow::Result<Device> {
    let opened = opened.and_then(|mut device| {
        device.claim()?;
        Ok(device)
    });
    opened.map_err(|error| not_ours(name, writable, error))
}

/// Says why something cannot be written in place; `writable` says how to make something read-only writable.
pub(crate) fn not_ours(name: &str, writable: &str, error: anyhow::Error) -> anyhow::Error {
    let kind = error.root_cause().downcast_ref().map(std::io::Error::kind);
    error.context(match kind {
        Some(ErrorKind::ReadOnlyFilesystem) => {
            format!("{name} is written in place, but is read-only: {writable}")
        }
        Some(ErrorKind::PermissionDenied) => {
            format!(
                "{name} is written in place, but is not writable: see its permissions, and lsattr(1)"
            )
        }
        Some(ErrorKind::NotFound) => format!("{name} is written in place, but does not exist"),
        _ => format!("{name} is written in place, so it must not be mounted or in use"),
    })
}

/// Refuses a device that somebody else has open: a virtual machine or a database does not hold it
/// exclusively. Call this while the device is open here.
pub(crate) fn check_only_ours(
    dm: &DeviceMapper,
    name: &str,
    number: DeviceNumber,
) -> anyhow::Result<()> {
    let open_count = dm.device_by_number(number)?.open_count;
    anyhow::ensure!(
        open_count <= 1,
        "{name} is written in place, so it must not be mounted or in use: it is open {open_count} \
         times, only one of them by this run"
    );
    Ok(())
}
