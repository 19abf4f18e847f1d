//! [`Wants`]: what a pair is wanted for.

/// What a pair is wanted for: a source reads no more than that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// How the base will be proved, 0 to 3: see [`baseproof::positions`].
    pub detect_level: u8,
    /// Whether data of the base is read, and not its mappings alone.
    pub base_data: bool,
    /// Whether all of the base is read, so that what is mapped in it counts; at detect level 3 it is anyway.
    pub base_mapped: bool,
    /// Whether all blocks are compared one by one, shared ones included.
    pub comparison: bool,
}
