//! Streams, applied.

mod apply;
mod changed;
mod chunks;
mod demand;
mod discards;
mod fits;
mod free;
mod fresh;
mod gauge;
mod ground;
mod holes;
pub mod identity;
mod leaves;
mod need;
mod own;
pub mod prove;
mod room;
pub mod space;
mod stand;
#[cfg(test)]
mod testing;
mod touched;
pub mod undo;
mod writer;

pub use apply::{Applier, Extras};
pub use changed::Changed;
pub use demand::{Count, Demand};
pub use ground::Ground;
pub use holes::mapped_ranges;
