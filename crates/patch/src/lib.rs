//! Streams, applied.
