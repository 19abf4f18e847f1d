//! [`Spot`]: a device or an image that holds one copy, with no history: it is brought from point to point.
//!
//! What it is a copy of is recorded ([`Record`](record::Record)) once the data is on stable storage, and as long as
//! increments are written, an undo stands beside it: a run that is cut is undone by the next one.

mod beside;
mod claimed;
mod ledger;
mod lock;
pub(crate) mod push;
mod record;
pub(crate) mod serve;
mod undo;

use std::path::PathBuf;

/// A device or an image that holds one copy.
#[derive(Clone, Debug)]
pub struct Spot {
    /// Where it is.
    pub path: PathBuf,
    /// What must be there.
    pub kind: SpotKind,
    /// Where what an increment overwrites is kept for good: a new file, which leads back.
    pub snapback: Option<PathBuf>,
    /// The folder for what cannot stand beside a device: the undo, the lock, and the record if it is no logical volume.
    pub state: PathBuf,
    /// This program and its version.
    pub program: String,
    /// The exit code for an error.
    pub exit_code: fn(&anyhow::Error) -> u8,
}

/// What a copy is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpotKind {
    /// A block device, which must be there.
    Device,
    /// A regular file, which is made if it is missing.
    Image,
}
