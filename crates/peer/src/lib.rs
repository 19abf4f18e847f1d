//! What two hosts say to each other when one keeps copies of the other's volumes.
//!
//! The side that has the volumes asks, the other answers: one [`Request`] and one [`Answer`] at a time, each a
//! line of JSON of at most [`LONGEST_LINE`] bytes. A stream follows its request in blocks of its own
//! ([`BlockWriter`], [`BlockReader`]), so both sides know where it ends, whatever is in it, and can go on to
//! talk after one that was given up. Nothing here runs LVM or knows about ssh: the bytes come and go by
//! [`Read`](std::io::Read) and [`Write`](std::io::Write).
//!
//! ```
//! use std::io::{Read, Write};
//!
//! use peer::{BlockReader, BlockWriter, Request, read_line, write_line};
//!
//! let mut line = Vec::new();
//! write_line(&mut line, &Request::Points { of: "uuid".into(), snapshots: vec![] })?;
//! let mut writer = BlockWriter::new(&mut line, || true);
//! writer.write_all(b"a stream")?;
//! writer.finish()?;
//!
//! let mut bytes = line.as_slice();
//! let Some(Request::Points { of, .. }) = read_line(&mut bytes)? else { panic!("something else") };
//! assert_eq!(of, "uuid");
//! let mut stream = Vec::new();
//! BlockReader::new(&mut bytes).read_to_end(&mut stream)?;
//! assert_eq!(stream, b"a stream");
//! # Ok::<(), peer::Error>(())
//! ```

mod blocks;
mod digest;
mod error;
mod line;
mod message;
mod particulars;

pub use blocks::{BlockReader, BlockWriter, is_given_up};
pub use digest::{Digest, NoDigest};
pub use error::{Error, Result};
pub use line::{LONGEST_LINE, read_line, write_line};
pub use message::{
    Answer, Copy, Failure, Held, Hello, MOST_NODES, PROTOCOL, Partial, Request, Source, Start, Told,
};
pub use particulars::Particulars;
