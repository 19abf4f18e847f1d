//! Streams that follow one another: for example a full one and its increments.
//!
//! A [`Chain`] reads the streams of its [`Sources`] one after another, as [`Link`]s, and refuses one that
//! does not follow the one before it; [`Rules`] say what else is refused, what is accepted, and where it ends
//! ([`Until`]). A link's records come from its decoder, one by one: memory does not grow with the streams.
//! [`verify()`] reads a chain and does nothing else, [`accept_all`] does so before something else is done,
//! and [`catalogue()`] lists the streams in files, in the order in which they follow one another. What
//! `foreign` cannot know about other tools' streams is found by the caller ([`Rules::complete`]); nothing
//! here runs LVM.
//!
//! Both ways to make one file from several read them twice: once to verify everything before anything is
//! written, and once more for the data. [`Merge`] makes one stream from consecutive ones, without a device.
//! [`Conversion`] makes streams of ours, with checksums, from other tools' streams.
//!
//! The crate `hyperlayer` reads and writes one stream, `foreign` other tools' streams, and `patch` writes a
//! chain to a volume.
//!
//! ```
//! use std::io::Seek;
//!
//! use flow::Interrupt;
//! use hyperlayer::{Encoder, Header, Identity, Volume};
//! use streams::{Chain, Rules, Sources};
//!
//! // A full stream of a volume with 1 MiB, and an increment.
//! let volume = |name: &str| Volume { name: name.into(), uuid: format!("uuid-{name}"), size: 1 << 20 };
//! let header = |base, target: &str| Header {
//!     target: volume(target),
//!     base,
//!     chunk_size: 65536,
//!     pairs: vec![],
//!     detect_level: 0,
//!     extents: 1,
//!     changed_bytes: 65536,
//!     unmapped_bytes: 0,
//!     tool: "doctest".into(),
//!     created: 0,
//!     undo: false,
//!     base_origin: String::new(),
//!     identity: Identity::default(),
//!     rest: false,
//! };
//! let mut sources = Sources::default();
//! for header in [header(None, "monday"), header(Some(volume("monday")), "tuesday")] {
//!     let mut encoder = Encoder::new(tempfile::tempfile()?, &header, &[])?;
//!     encoder.data(65536, &[7; 65536])?;
//!     let (mut file, _) = encoder.finish()?;
//!     file.rewind()?;
//!     sources.take(&header.target.name, file);
//! }
//!
//! let rules = Rules {
//!     is_strict: true,
//!     accepts_cut: false,
//!     accepts_rest: false,
//!     ignores_dates: false,
//!     must_ascend: false,
//!     name: None,
//!     size: None,
//!     until: None,
//!     complete: &|foreign| anyhow::bail!("{} is not what is read here", foreign.format),
//! };
//! let interrupt = Interrupt::default();
//! let mut chain = Chain::new(sources, &rules, &interrupt);
//! let monday = chain.first()?;
//! assert_eq!(monday.header().base, None);
//! let tuesday = chain.next(monday)?.expect("another stream");
//! assert_eq!(tuesday.header().target.name, "tuesday");
//! assert!(chain.next(tuesday)?.is_none());
//! # Ok::<(), anyhow::Error>(())
//! ```

mod catalogue;
mod chain;
mod change;
mod convert;
mod link;
mod merge;
mod order;
mod points;
mod settle;
mod sources;
mod successors;
mod tally;
mod until;
mod verify;

pub use catalogue::{Entry, Stream, catalogue};
pub use chain::{Chain, Rules, needs_part};
pub use convert::{Conversion, ConvertOptions};
pub use link::Link;
pub use merge::{Merge, MergeOptions, Merged};
pub use order::in_chain_order;
pub use points::{Point, Points};
pub use sources::Sources;
pub use tally::Tally;
pub use until::{Time, Until};
pub use verify::{accept_all, verify};
