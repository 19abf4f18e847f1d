//! What changed between two volumes, as a stream.
//!
//! [`Stream::prove`] reads what will prove the base of a [`source::Pair`], and makes the header; [`Stream::write`]
//! reads the changed data on several threads and writes it in order, in the format set in [`Options`]. `hyperlayer`
//! and `foreign` know the formats; the crate `patch` applies the resulting stream.
//!
//! ```
//! use blockio::Range;
//! use diff::{Detail, Options, Stream, StreamFormat};
//! use flow::{Interrupt, Quiet, Session};
//! use hyperlayer::{Decoder, Record, Records};
//! use source::{Changes, Names, Pair};
//! use thinmeta::ExtentKind;
//!
//! // Two volumes in memory, of four chunks; the second one differs.
//! let volume = |name: &str| hyperlayer::Volume { name: name.into(), uuid: String::new(), size: 16384 };
//! let mut new = vec![1_u8; 16384];
//! new[4096..8192].fill(2);
//! let mut changes = Changes::new(4096);
//! changes.add(Range { offset: 4096, length: 4096 }, ExtentKind::Changed)?;
//! changes.sample = vec![Range { offset: 0, length: 4096 }];
//! let names = Names {
//!     base: Some(volume("old")),
//!     target: volume("new"),
//!     base_origin: String::new(),
//!     identity: Default::default(),
//! };
//! let content = (Some(Box::new(vec![1_u8; 16384]) as _), Box::new(new) as _);
//! let mut pair = Pair::new(names, "old -> new".into(), (changes, None), content, Box::new(()));
//!
//! let options = Options {
//!     format: StreamFormat::Hyperlayer2,
//!     detail: Detail::default(),
//!     roots: None,
//!     detect_level: 1,
//!     rest_from: None,
//!     pairs: vec![],
//!     tool: "doctest".into(),
//! };
//! let interrupt = Interrupt::default();
//! let session = Session::new(&interrupt, &Quiet);
//! let (bytes, finished) = Stream::prove(&mut pair, &options, &session)?.write(Vec::new(), &session)?;
//! pair.release()?;
//! assert_eq!(finished.totals.data_bytes, 4096);
//!
//! let mut decoder = Decoder::new(bytes.as_slice())?;
//! assert_eq!(decoder.base_digests().len(), 1);
//! assert_eq!(decoder.next_record()?, Some(Record::Data { offset: 4096, bytes: &[2; 4096] }));
//! # anyhow::Ok(())
//! ```

mod jobs;
mod options;
mod records;
mod rest;
mod roots;
mod stream;

pub use options::{Detail, Options, RootSearch, StreamFormat};
pub use stream::Stream;
