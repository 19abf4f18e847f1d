//! Device-mapper's thin-provisioning metadata, read-only: what each thin device maps, and what
//! changed between two of them.
//!
//! The principal type is [`Metadata`]: one consistent view of a pool's metadata device or of an
//! image of it, read through [`blockio::ReadAt`]. It lists the thin devices, hands out the
//! [`Mappings`] of each, and yields the [`Delta`] from a base to a target as ascending [`Extent`]s.
//! Subtrees that both devices share are not read, so a delta costs what the changes cost, whatever
//! the volumes' size. Every node is verified before anything in it is believed; damage is an
//! [`Error`] that names the metadata block.
//!
//! A live pool writes its metadata behind the page cache: read it with [`blockio::Device`]
//! (`O_DIRECT`) and through a metadata snapshot ([`View::Held`]). Which devices those are, and the
//! data itself, are the business of the callers, not of this crate.
//!
//! ```
//! use thinmeta::testing::{Pool, Shape};
//! use thinmeta::{Extent, ExtentKind, Metadata, ThinId, View};
//!
//! // A volume of three blocks, a snapshot of it, then a write and a discard.
//! let mut pool = Pool::new(Shape::default());
//! pool.create(1);
//! (0..3).for_each(|thin_block| pool.write(1, thin_block));
//! pool.snapshot(1, 2);
//! pool.write(1, 2);
//! pool.write(1, 3);
//! pool.discard(1, 0);
//! let image: Vec<u8> = pool.image();
//!
//! let size = image.len() as u64;
//! let metadata = Metadata::open(image, size, View::Live)?;
//! let (base, target) = (ThinId::try_from(2)?, ThinId::try_from(1)?);
//! let delta = metadata.delta(base, target)?.collect::<Result<Vec<_>, _>>()?;
//! assert_eq!(delta, [
//!     Extent { begin: 0, length: 1, kind: ExtentKind::Unmapped },
//!     Extent { begin: 2, length: 2, kind: ExtentKind::Changed },
//! ]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![warn(clippy::arithmetic_side_effects)]

mod block;
mod btree;
mod checksum;
mod compare;
mod delta;
mod disk;
mod error;
mod mapping;
mod metadata;
mod node;
mod superblock;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod units;
mod walk;

pub use compare::{Comparison, Relation, Stretch};
pub use delta::{Delta, Extent, ExtentKind};
pub use error::{Error, Result};
pub use mapping::{Iter, MappingTree, Mappings, Part, Run, Runs};
pub use metadata::{DeviceInfo, Metadata, View};
pub use superblock::Superblock;
pub use units::{DataBlock, MetaBlock, OutOfRange, ParseThinIdError, ThinBlock, ThinId};
