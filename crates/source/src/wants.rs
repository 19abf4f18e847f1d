//! [`Wants`]: what a pair is needed for.

/// What a pair is needed for: a source reads no more than that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// How the base will be proved, 0 to 3: see [`baseproof::positions`].
    pub detect_level: u8,
    /// Whether the base's data is read, not only its mappings.
    pub base_data: bool,
    /// Whether the whole base is read, so its mapped ranges are needed; at detect level 3 they always are.
    pub base_mapped: bool,
    /// Whether all blocks are compared one by one, shared ones included.
    pub comparison: bool,
}
