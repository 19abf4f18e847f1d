//! What goes to standard output as text.

pub(crate) mod devices;
pub(crate) mod list;
pub(crate) mod map;
mod table;
pub(crate) mod volumes;
