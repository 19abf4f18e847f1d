//! Where two volumes are, and what changed between them.

mod device;

pub use device::{await_device, open_device, open_thin, read_once, write_back};
