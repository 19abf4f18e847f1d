//! What changed between two volumes, as a stream.
