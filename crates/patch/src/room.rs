//! [`Room`]: how much a stream may write.

use crate::discards::Discards;

/// How much a stream may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// How many chunks.
    pub(crate) chunks: u64,
    /// What becomes of discards.
    pub(crate) discards: Discards,
    /// For a stream that does not say how much it writes: how many metadata blocks it may take, and how many
    /// leaves its volume's tree has at most.
    pub(crate) metadata: Option<(u64, u64)>,
}

impl Default for Room {
    /// Room for everything.
    fn default() -> Self {
        Self { chunks: u64::MAX, discards: Discards::default(), metadata: None }
    }
}
