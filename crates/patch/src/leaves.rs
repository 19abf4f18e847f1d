//! The leaves of a pool's mapping trees, as the kernel fills them.

/// A leaf holds at least this many mappings after a split.
pub(crate) const LEAF_MAPPINGS: u64 = 126;

/// A leaf holds at least this many once some are removed.
pub(crate) const LEAST_MAPPINGS: u64 = 84;
