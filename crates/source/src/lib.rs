//! Where two volumes are, and what changed between them.

mod device;
mod pool_view;

pub use device::{await_device, open_device, open_thin, read_once, write_back};
pub use pool_view::{HeldMetadata, with_held_metadata};
