//! Streams of lvbackup.

use crate::repair;

/// Leaves the checksums as they are.
const KEEP: u8 = 1;

/// Reads a stream to its end.
pub fn run(input: &[u8]) {
    let (mode, stream) = crate::mode(input);
    let mut stream = stream.to_vec();
    if mode & KEEP == 0 {
        repair::lvbackup(&mut stream);
    }
    crate::foreign::run(&stream, mode);
}
