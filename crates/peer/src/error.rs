//! [`Error`]: what goes wrong between two peers.

use std::io;

use thiserror::Error;

/// What goes wrong between two peers.
#[derive(Debug, Error)]
pub enum Error {
    /// The connection failed.
    #[error("the connection broke")]
    Io(#[from] io::Error),
    /// The other side ended in the middle.
    #[error("the other side ended in the middle of {0}")]
    Ended(&'static str),
    /// The other side says something that it must not say.
    #[error("the other side does not speak lvsync's protocol: expected {expected}, found {found}")]
    Unexpected {
        /// What it should be.
        expected: &'static str,
        /// What it is, shortened and escaped.
        found: String,
    },
}

/// What peers' functions return.
pub type Result<T> = std::result::Result<T, Error>;
