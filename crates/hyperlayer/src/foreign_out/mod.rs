//! Streams that other tools read: [`Hyperlayer1`] and [`ThinSend`], in one pass like
//! [`Encoder`](crate::Encoder), and driven like it through [`RecordSink`](crate::RecordSink).
//!
//! Neither carries digests of its data.

mod blocks;
mod hyperlayer1;
mod thin_send;
mod yaml;

pub use hyperlayer1::{BaseCrc, Hyperlayer1, check_pairs_for_hyperlayer1};
pub use thin_send::ThinSend;
