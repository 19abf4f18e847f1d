//! [`Point`]: one instant of a volume.

use jiff::Timestamp;

/// One instant of a volume, as far as it matters for keeping it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// What the caller calls it; unique among the points of a volume.
    pub name: String,
    /// When the volume was as the point has it.
    pub at: Timestamp,
    /// The other places that have this point too: from there an increment can start.
    pub common: Vec<String>,
    /// Whether a transfer or a person needs it for now.
    pub is_held: bool,
    /// Whether a person wants it for ever.
    pub is_pinned: bool,
}

impl Point {
    /// A point that nobody else has or needs.
    pub fn new(name: impl Into<String>, at: Timestamp) -> Self {
        Self { name: name.into(), at, common: Vec::new(), is_held: false, is_pinned: false }
    }
}
