//! The stream HYPERLAYER/1.0, which has no checksums but those of its base.

/// Reads a stream to its end.
pub fn run(input: &[u8]) {
    let (mode, stream) = crate::mode(input);
    crate::foreign::run(stream, mode);
}
