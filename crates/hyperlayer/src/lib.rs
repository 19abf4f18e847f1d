//! HYPERLAYER/2.0: the stream that carries the difference between two volumes.
//!
//! [`Encoder`] writes a stream in one pass, [`Decoder`] reads one in one pass; neither knows about devices
//! or LVM. A stream is a [`Header`], the [`BaseDigest`]s that tell the right base from a wrong one,
//! [`Record`]s in ascending order, and a trailer. Every frame is verified before its content is handed out,
//! and [`Decoder::finish`] succeeds only if the whole stream has arrived. `docs/stream-format.md` specifies
//! the format byte by byte. The crate `foreign` produces the same records from other tools' streams.
//!
//! ```
//! use hyperlayer::{Decoder, Encoder, Header, Identity, Record, Records, Volume};
//!
//! let volume = |name: &str| Volume { name: name.into(), uuid: String::new(), size: 1 << 20 };
//! let header = Header {
//!     target: volume("vol0"),
//!     base: Some(volume("sp0")),
//!     chunk_size: 65536,
//!     pairs: vec![("Author".into(), "Someone".into())],
//!     detect_level: 0,
//!     extents: 2,
//!     changed_bytes: 65536,
//!     unmapped_bytes: 65536,
//!     tool: "doctest".into(),
//!     created: 0,
//!     undo: false,
//!     base_origin: String::new(),
//!     identity: Identity::default(),
//!     rest: false,
//! };
//! let mut encoder = Encoder::new(Vec::new(), &header, &[])?;
//! encoder.data(0, &[7; 65536])?;
//! encoder.discard(131072, 65536)?;
//! let (stream, finished) = encoder.finish()?;
//! assert_eq!(finished.totals.data_bytes, 65536);
//!
//! let mut decoder = Decoder::new(stream.as_slice())?;
//! assert_eq!(decoder.header(), &header);
//! assert_eq!(decoder.next_record()?, Some(Record::Data { offset: 0, bytes: &[7; 65536] }));
//! assert_eq!(decoder.next_record()?, Some(Record::Discard { offset: 131072, length: 65536 }));
//! assert_eq!(decoder.next_record()?, None);
//! assert_eq!(decoder.finish()?, finished.totals);
//! assert_eq!(decoder.stream_digest(), finished.digest);
//! # Ok::<(), hyperlayer::Error>(())
//! ```
#![warn(clippy::arithmetic_side_effects)]

mod base_checksum;
mod base_digest;
mod compressed;
mod content;
mod decode;
mod encode;
mod error;
mod follows;
mod frame;
mod group;
mod header;
mod held;
mod identity;
mod index;
mod index_writer;
mod outline;
mod packed;
mod record;
mod records;
mod roots;
mod sink;
mod state;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod totals;
mod trailer;
mod tree;

pub use base_checksum::BaseChecksum;
pub use base_digest::{BaseDigest, DigestKind};
pub use content::{Content, Contents, Place};
pub use decode::Decoder;
pub use encode::Encoder;
pub use error::Error;
pub use frame::FRAME_BYTES;
pub use group::{PackedGroup, groups};
pub use header::{Header, Volume};
pub use held::Held;
pub use identity::Identity;
pub use index::{Entry, Index};
pub use outline::Outline;
pub use packed::{Packed, Packer, Parcel};
pub use record::Record;
pub use records::Records;
pub use roots::Roots;
pub use sink::RecordSink;
pub use state::DecoderState;
pub use totals::{Finished, Totals};
pub use tree::{FAN_OUT, LEAF_BYTES, TreeHasher};

/// The first line of every stream.
pub const MAGIC: &[u8] = b"HYPERLAYER/2.0\n";

/// The most bytes that one data record holds, and the most that any frame stores.
pub const MAX_RECORD: usize = 1 << 20;

/// The unit of every offset, length and size in a stream, in bytes.
pub const SECTOR: u64 = 512;
