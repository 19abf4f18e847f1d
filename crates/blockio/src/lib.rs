//! Reads and writes at an offset, on block devices and on files.
//!
//! The principal type is [`Device`]: a block device, opened with `O_DIRECT`, or a regular file,
//! behind the same calls. Whatever can be read at an offset is a [`ReadAt`], and whatever can be written at one
//! a [`Storage`]; the neighbours (`thinmeta` for metadata, `diff` and `patch` for data) use those traits alone.
//!
//! No file is mapped into memory: one that another process shortens would end this one with SIGBUS.
//!
//! ```
//! use blockio::ReadAt;
//!
//! let image: &[u8] = b"0123456789";
//! let mut buf = [0; 3];
//! image.read_at(4, &mut buf)?;
//! assert_eq!(&buf, b"456");
//! assert!(image.read_at(8, &mut buf).is_err()); // a read is whole, or an error
//! # Ok::<(), std::io::Error>(())
//! ```

mod aligned;
mod beneath;
#[cfg(all(test, shuttle))]
mod checked;
mod claim;
mod device;
mod folder;
mod freeze;
mod in_order;
mod ioctl;
mod positioned;
mod range;
mod read_ahead;
mod read_at;
mod scattered;
mod sector;
mod spare;
mod storage;
mod sync;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod zero;

pub use aligned::{ALIGNMENT, AlignedBuf};
pub use device::{Device, OpenMode};
pub use folder::{folder_of, sync_folder};
pub use freeze::Freezer;
pub use in_order::{Width, in_order};
pub use positioned::Positioned;
pub use range::Range;
pub use read_ahead::ReadAhead;
pub use read_at::ReadAt;
pub use scattered::Scattered;
pub use spare::Spare;
pub use storage::Storage;
pub use zero::is_zero;
