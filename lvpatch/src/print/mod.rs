//! What `--info` prints.

pub(crate) mod info;
pub(crate) mod table;
