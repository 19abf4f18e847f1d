//! Where two volumes are, and what changed between them.
//!
//! A source constructs a [`Pair`]: what changed, the names of the two volumes for a stream's header, and both
//! volumes open for reading. [`PoolSource`] covers two thin volumes of a running pool, [`ClassicSource`] a
//! classic snapshot and its origin, [`FilesSource`] a pool's metadata and data in files. Whatever a source
//! activates, reserves or watches is behind [`Hold`], so readers of a pair need not know where it comes from.
//! [`find`] says which source the names of volumes on this machine mean, [`list`] lists thin volumes,
//! [`list_devices`] the thin devices in a pool's metadata. [`survey`] says how much each thin volume differs from its
//! newest snapshot; [`Sums`] and [`spread`] say how much changed in one volume, and where. The crate `diff` turns a pair into a stream.
//!
//! ```
//! use source::{Changes, Names, Pair};
//! use blockio::Range;
//! use thinmeta::ExtentKind;
//!
//! // A custom source: two volumes in memory, of one chunk each.
//! let volume = |name: &str| hyperlayer::Volume { name: name.into(), uuid: String::new(), size: 4096 };
//! let mut changes = Changes::new(4096);
//! changes.add(Range { offset: 0, length: 4096 }, ExtentKind::Changed)?;
//! let names = Names {
//!     base: Some(volume("old")),
//!     target: volume("new"),
//!     base_origin: String::new(),
//!     identity: Default::default(),
//! };
//! let content = (Some(Box::new(vec![1_u8; 4096]) as _), Box::new(vec![2_u8; 4096]) as _);
//! let pair = Pair::new(names, "old -> new".into(), (changes, None), content, Box::new(()));
//! assert_eq!(pair.changes.bytes(ExtentKind::Changed)?, 4096);
//! pair.release()?;
//! # anyhow::Ok(())
//! ```

mod changes;
mod classic;
mod compared;
mod device;
mod devices;
mod extent;
mod files;
mod find;
mod found;
mod label;
mod listing;
mod mapped_volume;
mod newest;
mod order;
mod pair;
mod pool;
mod pool_view;
mod series;
mod source;
mod spread;
mod sums;
mod survey;
mod wants;
mod watch;

pub use changes::{Changes, Side};
pub use classic::ClassicSource;
pub use compared::Compared;
pub use device::{await_device, open_device, open_thin, read_once, write_back};
pub use devices::{ListedDevice, list_devices};
pub use extent::Extent;
pub use files::FilesSource;
pub use find::{Found, find};
pub use label::Label;
pub use listing::{Listed, Listing, list};
pub use pair::{Content, Hold, Names, Pair};
pub use pool::PoolSource;
pub use pool_view::{HeldMetadata, with_held_metadata};
pub use series::{Item, Items, Series};
pub use source::Source;
pub use spread::{Portion, spread};
pub use sums::Sums;
pub use survey::{Since, Surveyed, survey};
pub use wants::Wants;
