//! The exception store of a classic (thick) LVM snapshot, read-only: which chunks changed since the
//! snapshot was taken.
//!
//! The principal type is [`Store`]: the store on a snapshot's COW device or in an image of it, read
//! through [`blockio::ReadAt`]. Its [`Exceptions`] are the chunks that were written to since, in the
//! origin or in the snapshot itself, as ascending [`Run`]s. Nothing in the store has a checksum: what
//! the kernel would never write there is taken for damage, an [`Error`] that names the place.
//!
//! A running snapshot writes its store behind the page cache: read it with [`blockio::Device`]
//! (`O_DIRECT`). A write to the origin or the snapshot ends after its exception is in the store, so
//! every write that had ended is found. Which devices those are, and the data itself, are the
//! business of the callers; so is the snapshot's state, which the kernel's status tells.
//!
//! ```
//! use cowmeta::testing::Image;
//! use cowmeta::{Run, Store};
//!
//! // A snapshot with chunks of 4 KiB, of a volume of 100 of them; three were written to.
//! let mut image = Image::new(8);
//! [7, 50, 6].into_iter().for_each(|chunk| image.copy(chunk));
//! let image: Vec<u8> = image.bytes();
//!
//! let size = image.len() as u64;
//! let store = Store::open(image, size)?;
//! let exceptions = store.exceptions(100 * 4096)?;
//! let runs: Vec<_> = exceptions.runs().collect();
//! assert_eq!(runs, [Run { begin: 6, length: 2 }, Run { begin: 50, length: 1 }]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![warn(clippy::arithmetic_side_effects)]

mod chunk_set;
mod disk;
mod error;
mod exceptions;
mod header;
mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod units;

pub use error::{Error, Result};
pub use exceptions::{Exceptions, Run};
pub use store::Store;
pub use units::{ChunkSize, OriginChunk, StoreChunk};
