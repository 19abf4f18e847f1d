//! [`Roots`]: the root digests of both ends of a stream.

/// The digests of the whole base and the whole target, as far as the writer knew them: see
/// [`TreeHasher`](crate::TreeHasher).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roots {
    /// The root digest of the base's content.
    pub base: Option<[u8; 32]>,
    /// The root digest of the target's content.
    pub target: Option<[u8; 32]>,
}
