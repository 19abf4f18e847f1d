//! Streams that other tools read: [`Hyperlayer1`] and [`ThinSend`], in one pass like
//! [`Encoder`](hyperlayer::Encoder), and driven like it through [`RecordSink`](hyperlayer::RecordSink).
//!
//! Neither carries digests of its data.

mod blocks;
mod hyperlayer1;
mod thin_send;
mod yaml;

pub use hyperlayer1::{Hyperlayer1, check_pairs_for_hyperlayer1};
pub use thin_send::ThinSend;
