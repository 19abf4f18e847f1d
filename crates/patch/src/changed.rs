//! [`Changed`]: how much an undo changes.

/// How much an undo changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// How many chunks.
    pub chunks: u64,
    /// In how many runs they lie.
    pub runs: u64,
}

impl Changed {
    /// How many chunks of another size that can be at most, if those begin somewhere else.
    pub fn elsewhere(self, chunk_size: u64, other: u64) -> u64 {
        let bytes = self.chunks.saturating_mul(chunk_size);
        bytes.div_ceil(other).saturating_add(self.runs.saturating_mul(2))
    }
}
