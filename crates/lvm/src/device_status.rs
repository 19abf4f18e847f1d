//! [`DeviceStatus`]: what device-mapper says of a device as a whole.

use crate::DeviceNumber;

/// What device-mapper says of a device as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceStatus {
    /// Its name.
    pub name: String,
    /// Its UUID, which says whose it is; empty where its maker gave it none.
    pub uuid: String,
    /// Its number.
    pub number: DeviceNumber,
    /// How often it is open now, mounts and devices above it included.
    pub open_count: i32,
    /// True where it cannot be written.
    pub read_only: bool,
    /// How many events it has had: each renaming is one (kernel: drivers/md/dm-ioctl.c, dm_hash_rename).
    pub(crate) events: u32,
}
