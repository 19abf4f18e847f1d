//! LVM2 and device-mapper, as far as two thin volumes and their pool need them, or a classic snapshot
//! and its origin.
//!
//! The way through it: [`LogicalVolume::list`] asks LVM what there is, [`VolumeName`] finds one of
//! them by whatever name the user gave, [`ThinDevice::find`] follows the device-mapper tables from
//! the volume to its pool and the pool's metadata device without guessing a name. Whatever state
//! is changed for the time of a run is a guard: [`MetadataSnapshot`], [`Activation`],
//! [`TemporarySnapshot`]; each is undone explicitly on success, and by `Drop` otherwise. After a
//! run that was killed, the next one knows what that left behind by its lock files.
//!
//! ```
//! use lvm::VolumeName;
//!
//! let name = VolumeName::parse("/dev/mapper/vg--a-vm--100--disk--0")?;
//! assert_eq!((name.group(), name.volume()), (Some("vg-a"), "vm-100-disk-0"));
//! # Ok::<(), lvm::Error>(())
//! ```

mod activation;
mod below;
mod characters;
mod command;
mod device_number;
mod device_status;
mod device_use;
mod dm;
mod error;
mod instance;
mod ioctl;
mod lock;
mod made;
mod merge;
mod metadata_record;
mod metadata_snapshot;
mod name;
mod nearest;
mod no_space;
mod node;
mod not_activated;
mod owner;
mod physical_volumes;
mod reading_runs;
mod report;
mod segment_type;
mod snapshot_device;
mod standing;
mod suspension;
mod table;
mod temporary_snapshot;
mod thin_device;
mod thin_status;
mod whose;
mod writes;

pub use activation::Activation;
pub use device_number::DeviceNumber;
pub use device_status::DeviceStatus;
pub use dm::DeviceMapper;
pub use error::Error;
pub use lock::KeepWaiting;
pub use merge::refuse_merge;
pub use metadata_snapshot::{MetadataSnapshot, Reserve};
pub use name::{Scope, VolumeName, check_new_name};
pub use nearest::did_you_mean;
pub use node::Node;
pub use physical_volumes::sync as sync_group;
pub use report::LogicalVolume;
pub use segment_type::SegmentType;
pub use snapshot_device::SnapshotDevice;
pub use suspension::wait_while_suspended;
pub use table::{PoolMode, PoolStatus, PoolTable, SnapshotStatus, SnapshotTable, ThinTable};
pub use temporary_snapshot::{TemporarySnapshot, check_extents};
pub use thin_device::{PoolDevice, ThinDevice};
pub use thin_status::ThinStatus;
pub use writes::{WriteWatch, Writes};
