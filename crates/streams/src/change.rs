//! [`Change`]: what a range of a volume becomes.

/// A range of a volume, and what it becomes.
pub(crate) trait Change: Copy {
    /// A range that is mapped and reads as zeros.
    fn zero(offset: u64, length: u64) -> Self;
    /// A range that is unmapped.
    fn discard(offset: u64, length: u64) -> Self;
    /// Where it begins, in bytes.
    fn offset(&self) -> u64;
    /// Where it ends, in bytes.
    fn end(&self) -> u64;
    /// Whether it is unmapped.
    fn is_discard(&self) -> bool;
    /// The part before `end`, which lies inside.
    fn before(self, end: u64) -> Self;
    /// Grows to include `next`, if that follows directly and becomes the same; yields whether it did.
    fn join(&mut self, next: &Self) -> bool;
}

/// Adds a change after the others.
pub(crate) fn push<C: Change>(changes: &mut Vec<C>, change: C) {
    if !changes.last_mut().is_some_and(|last| last.join(&change)) {
        changes.push(change);
    }
}
