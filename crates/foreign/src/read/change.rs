//! [`Change`]: a record of another format.

/// The kind of a record of another format.
pub(super) enum What {
    Data,
    Zero,
    Discard,
}

/// A record of another format, whose range has been checked against the volume.
pub(super) struct Change {
    pub(super) what: What,
    pub(super) offset: u64,
    pub(super) length: u64,
}
