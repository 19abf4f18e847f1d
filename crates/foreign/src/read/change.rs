//! [`Change`]: a record of another format.

/// What a record of another format is.
pub(super) enum What {
    Data,
    Zero,
    Discard,
}

/// A record of another format, whose range was checked against the volume.
pub(super) struct Change {
    pub(super) what: What,
    pub(super) offset: u64,
    pub(super) length: u64,
}
