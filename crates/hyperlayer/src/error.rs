//! [`Error`]: what can be wrong with a stream, by who must act.

use std::io;

/// Why a stream cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The pipe or file that carries the stream failed.
    #[error("{0}")]
    Io(#[from] io::Error),

    /// The input ended before the stream did.
    #[error("the stream is cut: it ends at byte {at}, inside {inside}")]
    Cut {
        /// How many bytes of the stream arrived.
        at: u64,
        /// What was being read there.
        inside: &'static str,
    },

    /// A byte is not what it should be.
    #[error("the stream is damaged at byte {at}: {reason}")]
    Damaged {
        /// The beginning of the piece that is wrong, in bytes from the beginning of the stream.
        at: u64,
        /// What was expected, and what was found.
        reason: String,
    },

    /// The stream is sound so far, but contains something that this version does not know.
    #[error("the stream is not understood at byte {at}: {what}")]
    Unsupported {
        /// The position, in bytes from the beginning of the stream.
        at: u64,
        /// What is unknown.
        what: String,
    },

    /// The input is compressed as a whole, and may hold a stream.
    #[error("this is {name} data, not a stream: decompress it first (`{command} FILE | …`)")]
    Compressed {
        /// What it is compressed with.
        name: &'static str,
        /// The command that undoes that.
        command: &'static str,
    },

    /// What should be written exceeds the format's limits.
    #[error("this cannot be put into a stream: {0}")]
    Invalid(String),
}

impl Error {
    /// The same error for a stream that begins at `begin`.
    pub(crate) fn moved_by(mut self, begin: u64) -> Self {
        match &mut self {
            Self::Cut { at, .. } | Self::Damaged { at, .. } | Self::Unsupported { at, .. } => {
                *at = at.saturating_add(begin);
            }
            Self::Io(_) | Self::Compressed { .. } | Self::Invalid(_) => {}
        }
        self
    }
}

/// This crate's results.
pub(crate) type Result<T> = std::result::Result<T, Error>;
