//! Streams, applied.

mod holes;
pub mod identity;
mod own;
pub mod prove;
#[cfg(test)]
mod testing;
pub mod undo;

pub use holes::mapped_ranges;
pub use own::Own;
