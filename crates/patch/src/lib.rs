//! Applies streams: records → storage that holds their base.
//!
//! [`apply()`] applies the streams of a chain as a [`Request`] says: it plans, proves the base, begins a
//! [`Target`] (a new volume, an existing one in place, or a device or an image), writes, and either says what
//! it has [`Done`] or leaves nothing temporary. [`check()`] says whether it would. Another target is another
//! implementation of [`Target`], which [`run()`] writes to.
//!
//! Below that, an [`Applier`] writes records to a [`Storage`](blockio::Storage): a volume's device, an image,
//! or anything else that implements the trait. What the storage lies on is its [`Ground`]: a device with
//! space of its own, or a pool's thin volume, for which the pool is asked beforehand what it has left.
//! [`undo`] keeps what is overwritten, and [`UndoFiles`] prove that it leads back.
//!
//! The neighbours: `streams` reads chains, `hyperlayer` decodes records, `lvm` finds pools and volumes, `source`
//! opens devices and reads a pool's metadata. Nothing here knows about a command line.
//!
//! ```
//! use blockio::{Device, OpenMode};
//! use flow::{Interrupt, Quiet};
//! use hyperlayer::{Decoder, Encoder, Header, Records};
//! use patch::{Applier, Extras, Ground};
//!
//! // A stream: a sector of data, and a page of zeros.
//! let header = Header { changed_bytes: 4608, ..hyperlayer::testing::header(1 << 20) };
//! let mut encoder = Encoder::new(Vec::new(), &header, &[])?;
//! encoder.data(512, &[7; 512])?;
//! encoder.zero(4096, 4096)?;
//! let (stream, _) = encoder.finish()?;
//!
//! // An image that holds its base.
//! let image = tempfile::NamedTempFile::new()?;
//! std::fs::write(image.path(), vec![1; 1 << 20])?;
//! let device = Device::open(image.path(), OpenMode::WriteExclusive)?;
//!
//! let mut records = Decoder::new(stream.as_slice())?;
//! let ground = Ground::plain(records.header());
//! let interrupt = Interrupt::default();
//! let applier = Applier::new(&device, "image", ground, &interrupt);
//! let totals = applier.apply_all("stream", &mut records, &Quiet, Extras::default())?;
//! assert_eq!((totals.data_bytes, totals.zero_bytes), (512, 4096));
//!
//! let after = std::fs::read(image.path())?;
//! assert_eq!((after[511], after[512], after[1024]), (1, 7, 1));
//! assert_eq!((after[4095], after[4096], after[8192]), (1, 0, 1));
//! # Ok::<(), anyhow::Error>(())
//! ```

mod accept;
mod apply;
mod apply_link;
mod arriving;
mod base;
mod changed;
mod check;
mod chunks;
mod claim;
mod demand;
mod difference;
mod discards;
mod fits;
mod free;
mod fresh;
mod gauge;
mod given;
mod ground;
mod holes;
mod identity;
mod leaves;
mod lookup;
mod missing;
mod need;
mod overwrite;
mod own;
mod part;
mod part_proof;
mod place;
mod plan;
mod prove;
mod request;
mod resume;
mod room;
mod run;
mod size;
mod space;
mod stand;
mod target;
#[cfg(test)]
mod testing;
mod touched;
pub mod undo;
mod undo_file;
mod undo_files;
mod undone;
mod unsynced;
mod whole;
mod writer;

pub use apply::{Applier, Extras};
pub use changed::Changed;
pub use check::{Accepted, AcceptedPlace, check};
pub use ground::Ground;
pub use identity::{source_of, tags_as_copy_of};
pub use missing::{Purpose, find_missing};
pub use overwrite::{AppliedBefore, ChangedInPart};
pub use part::{KeptPart, part_of};
pub use request::{
    Chunking, Cut, Destination, Making, Named, Overwriting, Proof, Request, Resuming, Unfinished,
    Whole,
};
pub use run::{Done, apply, run};
pub use target::{Made, Target};
pub use undo_files::{Mapped, UndoFiles, UndoStream};
