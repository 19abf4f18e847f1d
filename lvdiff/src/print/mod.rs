//! Text output on standard output.

pub(crate) mod described;
pub(crate) mod devices;
pub(crate) mod figures;
pub(crate) mod list;
pub(crate) mod map;
pub(crate) mod summary;
pub(crate) mod survey;
pub(crate) mod volumes;
