//! [`Request`] and [`Answer`]: what is said.

use serde::{Deserialize, Serialize};

use crate::Digest;

/// The version of what is said here. A peer of another version is refused.
pub const PROTOCOL: u32 = 1;

/// What the side with the volumes asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Who is there? The first request.
    Hello(Hello),
    /// Which copies are there?
    Points {
        /// The UUID of the volume whose points they are copies of.
        of: String,
        /// The UUIDs of its points: what is a copy of one counts, whatever else it says.
        snapshots: Vec<String>,
    },
    /// Make a copy: the stream follows, in blocks.
    Receive {
        /// What it is a copy of.
        source: Source,
        /// The UUID of the snapshot that the stream starts from, of which there is a copy; none for a full stream.
        base: Option<String>,
    },
    /// Read a copy, and find the digests of all that it holds. The requests after it are about its digest tree, up to
    /// [`Request::Verified`] or [`Request::Repair`].
    Verify {
        /// The UUID of the snapshot that it is a copy of.
        source: String,
        /// The UUID of the copy.
        copy: String,
        /// At most this many bytes are read each second.
        bytes_per_second: Option<u64>,
    },
    /// Which digests do the children of these nodes have?
    Children {
        /// The nodes' level, from 1 up: leaves are level 0.
        level: u8,
        /// Their numbers, at most [`MOST_NODES`].
        nodes: Vec<u64>,
    },
    /// Replace the copy by a repaired one, if that is what its snapshot is: what differs follows, in blocks. Nothing
    /// more will be asked about the copy.
    Repair {
        /// The top of the snapshot's digest tree.
        top: Digest,
    },
    /// Nothing more will be asked about the copy.
    Verified {
        /// Whether it is the same as its snapshot.
        is_equal: bool,
    },
}

/// The most nodes that are asked for at once.
pub const MOST_NODES: usize = 16;

/// Who is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// The program and its version, for messages.
    pub program: String,
}

/// A snapshot on the side with the volumes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The volume's name, without its group.
    pub volume: String,
    /// The volume's UUID.
    pub of: String,
    /// The snapshot's name, without its group.
    pub name: String,
    /// The snapshot's UUID.
    pub uuid: String,
    /// When it was taken, in seconds since 1970.
    pub at: i64,
    /// Its size, in bytes.
    pub size: u64,
}

/// What the other side answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// To [`Request::Hello`].
    Hello(Hello),
    /// To [`Request::Points`].
    Points {
        /// In no order.
        copies: Vec<Copy>,
    },
    /// To [`Request::Receive`] and [`Request::Repair`]: the copy is there, complete and proved.
    Received(Copy),
    /// To [`Request::Verify`]: the copy was read.
    Tree {
        /// Its size, in bytes.
        size: u64,
        /// The top of its digest tree.
        top: Digest,
    },
    /// To [`Request::Children`], for each of the nodes.
    Children {
        /// Those below one node, in order: fewer where the volume ends.
        digests: Vec<Vec<Digest>>,
    },
    /// To [`Request::Verified`].
    Noted,
    /// It was not done.
    Failed(Failure),
}

/// A copy of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copy {
    /// The UUID of the volume that the snapshot was taken of.
    pub of: String,
    /// The UUID of the snapshot.
    pub source: String,
    /// When that was taken, in seconds since 1970.
    pub at: i64,
    /// The copy's name, with its group.
    pub name: String,
    /// The copy's UUID.
    pub uuid: String,
    /// Its size, in bytes.
    pub size: u64,
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The exit code that the other side would end with.
    pub code: u8,
    /// For people.
    pub text: String,
}
