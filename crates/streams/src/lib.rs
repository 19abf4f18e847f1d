//! Streams that follow one another.
//!
//! Both ways to make one file of several read them twice: whole and verified before anything is written, and
//! once more for the data. [`Merge`] makes one stream of consecutive ones, without a device. [`Conversion`]
//! makes streams of ours, with checksums, of those of other tools.

mod change;
mod convert;
mod merge;
mod settle;

pub use convert::{Conversion, ConvertOptions};
pub use merge::{Merge, MergeOptions, Merged};
