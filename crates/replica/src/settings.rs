//! [`Settings`]: how volumes are pushed.

use diff::Detail;
use policy::Keep;

/// How volumes are pushed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// This program and its version.
    pub program: String,
    /// How records are made.
    pub detail: Detail,
    /// At most this many bytes are sent each second.
    pub bytes_per_second: Option<u64>,
    /// When everything is sent.
    pub full: Full,
    /// Which points stay on this side.
    pub keep: Keep,
}

/// When everything is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Full {
    /// If the other side has no copy of the volume at all: the first time.
    #[default]
    First,
    /// If it has none that an increment can start from.
    Allowed,
}
