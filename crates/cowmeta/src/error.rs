//! [`Error`]: what can go wrong, told apart by who must act.

use std::borrow::Cow;
use std::io;

use crate::StoreChunk;

/// A result whose error is [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Why an exception store could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The device failed.
    #[error("cannot read chunk {chunk} of the exception store")]
    Io {
        /// The chunk that was wanted.
        chunk: StoreChunk,
        /// What the device said.
        source: io::Error,
    },
    /// The store is damaged, or there is none at all.
    #[error("chunk {chunk} of the exception store is damaged: {reason}")]
    Corrupt {
        /// The damaged chunk.
        chunk: StoreChunk,
        /// What is wrong with it.
        reason: Cow<'static, str>,
    },
    /// The store is of a kind that this program does not know.
    #[error("the exception store has {what}, which is not supported")]
    Unsupported {
        /// What is not supported.
        what: String,
    },
    /// The kernel gave the snapshot up: its store was full, or could not be written.
    #[error(
        "the snapshot is invalid: its exception store was full, or could not be written, so what \
         changed since is unknown; remove it and create a larger one"
    )]
    Invalid,
}

impl Error {
    pub(crate) fn corrupt(chunk: StoreChunk, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Corrupt { chunk, reason: reason.into() }
    }
}
