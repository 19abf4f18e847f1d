//! Streams that follow one another.

mod chain;
mod link;
mod sources;
mod tally;
mod until;
mod verify;

pub use chain::{Chain, Rules};
pub use link::Link;
pub use sources::Sources;
pub use tally::Tally;
pub use until::{Time, Until};
pub use verify::{accept_all, verify};
