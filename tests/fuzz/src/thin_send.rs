//! Streams of LINBIT's thin_send, which have no checksums.

/// Reads a stream to its end.
pub fn run(input: &[u8]) {
    let (mode, stream) = crate::mode(input);
    crate::foreign::run(stream, mode);
}
