//! Text output on standard output.

pub(crate) mod devices;
pub(crate) mod list;
pub(crate) mod map;
mod table;
pub(crate) mod volumes;
