//! Streams of other tools, read as ours and written as theirs.
//!
//! [`Unfinished`] recognizes a stream by its first bytes. Once the caller has filled in what it does
//! not say ([`Missing`]), [`AnyDecoder`] reads it as [`hyperlayer`]'s records, as described in
//! `docs/foreign-streams.md`. [`Foreign`] is what another tool's stream says about itself, and what its
//! format cannot guarantee; [`Lacks`] says the latter once per run. What virtnbdbackup leaves next to its
//! streams is here as well: a file's checksum ([`Checksum`]), the machine that a stream belongs to
//! ([`machine_of`]), and which files of a folder follow one another ([`expand`]). [`Hyperlayer1`] and
//! [`ThinSend`] write streams that the original lvpatch and thin_recv accept.
//!
//! ```
//! use foreign::{Missing, ThinSend, Unfinished};
//! use hyperlayer::{Packed, Record, RecordSink, Records};
//!
//! let mut sink = ThinSend::new(Vec::new(), [Ok((0, 512))].into_iter())?;
//! sink.packed_data(0, &[7; 512], &Packed::plain(&[7; 512]))?;
//! let (stream, _) = sink.finish()?;
//!
//! let begun = Unfinished::begin(stream.as_slice())?;
//! assert_eq!(begun.foreign().map(|foreign| foreign.size), Some(None)); // it does not say a size
//! let mut decoder = begun.complete(&Missing { size: Some(1 << 20), ..Missing::default() })?;
//! assert_eq!(decoder.next_record()?, Some(Record::Data { offset: 0, bytes: &[7; 512] }));
//! # Ok::<(), hyperlayer::Error>(())
//! ```

mod backup_folder;
mod checksum;
mod lacks;
mod machine;
#[warn(clippy::arithmetic_side_effects)]
mod read;
#[warn(clippy::arithmetic_side_effects)]
mod write;

pub use backup_folder::{all_streams, expand, is_differential, size_of_base};
pub use checksum::{Checksum, Summed};
pub use lacks::Lacks;
pub use machine::{check_machine, machine_of};
pub use read::{
    AnyDecoder, Foreign, ForeignDecoder, Input, LEFT_OUT, LocalTime, Missing, Start, Unfinished,
    is_virtnbdbackup, virtnbdbackup_is_alone,
};
pub use write::{Hyperlayer1, ThinSend, check_pairs_for_hyperlayer1};

/// This crate's results.
pub(crate) type Result<T> = std::result::Result<T, hyperlayer::Error>;
