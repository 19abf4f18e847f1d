//! Streams that follow one another.
