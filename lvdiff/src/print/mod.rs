//! What goes to standard output as text.

pub(crate) mod list;
pub(crate) mod map;
pub(crate) mod volumes;
