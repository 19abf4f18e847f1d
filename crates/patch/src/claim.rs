//! What is written itself is nobody else's meanwhile.

use std::io::ErrorKind;

use blockio::Device;
use lvm::{DeviceMapper, DeviceNumber};

/// Holds what has been opened for writing, and says why it could not be; `writable` says how what is
/// read-only becomes writable.
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

/// Says what is the matter with what is to be written itself; `writable` says how what is read-only
/// becomes writable.
pub(crate) fn not_ours(name: &str, writable: &str, error: anyhow::Error) -> anyhow::Error {
    let kind = error.root_cause().downcast_ref().map(std::io::Error::kind);
    error.context(match kind {
        Some(ErrorKind::ReadOnlyFilesystem) => {
            format!("{name} is written itself, and is read-only: {writable}")
        }
        Some(ErrorKind::PermissionDenied) => {
            format!(
                "{name} is written itself, and is not writable: see its permissions, and lsattr(1)"
            )
        }
        Some(ErrorKind::NotFound) => format!("{name} is written itself, and is not there"),
        _ => format!("{name} is written itself, and must not be mounted or in use"),
    })
}

/// Refuses a device that somebody else has open: a virtual machine or a database does not hold it
/// exclusively. To be asked while it is open here.
pub(crate) fn check_only_ours(
    dm: &DeviceMapper,
    name: &str,
    number: DeviceNumber,
) -> anyhow::Result<()> {
    let open_count = dm.device_by_number(number)?.open_count;
    anyhow::ensure!(
        open_count <= 1,
        "{name} is written itself, and must not be mounted or in use: it is open {open_count} times, \
         and only once here"
    );
    Ok(())
}
