//! Streams of other tools, with a file for each format: their records become ours.

mod any;
mod bytes;
mod change;
mod decoder;
mod follows;
mod format;
pub(crate) mod hyperlayer1;
mod local_time;
mod lvbackup;
mod lvmsync;
mod said;
pub(crate) mod thin_send;
mod virtnbdbackup;

pub use any::{AnyDecoder, Input, Unfinished};
pub use decoder::ForeignDecoder;
pub use local_time::LocalTime;
pub use said::{Foreign, LEFT_OUT, Missing, Start};
pub use virtnbdbackup::{is as is_virtnbdbackup, virtnbdbackup_is_alone};
