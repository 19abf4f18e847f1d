//! [`Request`] and [`Answer`]: what is said.

use serde::{Deserialize, Serialize};

use crate::Digest;
use crate::particulars::Particulars;

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
    /// What is there, and what is known about it? For people: nothing is decided by it.
    List {
        /// The UUIDs of the volumes whose points they are copies of; with none, all copies.
        of: Vec<String>,
    },
    /// Make a copy: the stream follows, in blocks.
    Receive {
        /// What it is a copy of.
        source: Source,
        /// The UUID of the snapshot that the stream starts from, of which there is a copy; none for a full stream.
        base: Option<String>,
    },
    /// What does the one device or image hold that is offered?
    Holds {
        /// Whether a full stream may replace whatever is there.
        overwrite: bool,
    },
    /// What does it hold, by digests? They follow the answer, in blocks.
    Leaves {
        /// Of the first bytes, as many.
        size: u64,
    },
    /// Bring that one to a point: the stream follows, in blocks.
    Replace {
        /// What it becomes a copy of.
        source: Source,
        /// What the stream starts from; none for a full stream.
        base: Option<Start>,
        /// Whether a full stream may replace whatever is there.
        overwrite: bool,
    },
    /// Complete a partial copy: the rest of its stream follows, in blocks.
    Resume {
        /// What it will be a copy of.
        source: Source,
        /// As of [`Request::Receive`].
        base: Option<String>,
        /// The UUID of the volume that holds the beginning.
        partial: String,
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
    /// What was pushed, for the side that asked for it.
    Told(Told),
}

/// What a stream starts from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// Its UUID; none if only digests say what it is.
    pub uuid: Option<String>,
    /// Its size, in bytes.
    pub size: u64,
}

/// What the side with the volumes did, for the side that asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// The point, with its group.
    pub point: String,
    /// The point that the stream started from; none if everything was sent.
    pub base: Option<String>,
    /// The copy, as its side answered.
    pub copy: String,
    /// The copy's UUID.
    pub uuid: String,
    /// How many bytes of data were in the stream.
    pub data: u64,
    /// How many bytes the stream had.
    pub sent: u64,
    /// The points that were removed on the side with the volumes.
    pub removed: Vec<String>,
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
        /// In no order; a peer that keeps none does not say so.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        partials: Vec<Partial>,
    },
    /// To [`Request::List`].
    List {
        /// In no order.
        copies: Vec<Particulars>,
    },
    /// To [`Request::Receive`], [`Request::Resume`], [`Request::Replace`] and [`Request::Repair`]: the copy is there, complete and proved.
    Received(Copy),
    /// To [`Request::Holds`].
    Holds(Held),
    /// To [`Request::Leaves`]: for each leaf of the digest tree that holds something else than zeros, in ascending
    /// order, its number as 8 bytes, the least first, and its digest, 32 bytes.
    Leaves,
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
    /// To [`Request::Told`] and [`Request::Verified`].
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
    /// The UUID of its pool; empty for what is in none.
    #[serde(default)]
    pub pool: String,
}

/// What a device or an image holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Its path.
    pub path: String,
    /// Whether it is a block device, which can be larger than what it is a copy of.
    pub is_device: bool,
    /// Its size in bytes; none if there is no image yet.
    pub size: Option<u64>,
    /// The UUID of the volume that it is a copy of; none if nothing says so.
    pub of: Option<String>,
    /// The UUID of the point that it is a copy of; none if a stream that replaces all of it did not arrive as a whole.
    pub source: Option<String>,
}

/// The beginning of a copy, whose stream ended early.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partial {
    /// The UUID of the snapshot that it will be a copy of.
    pub source: String,
    /// When that was taken, in seconds since 1970.
    pub at: i64,
    /// The UUID of the snapshot that its stream starts from; none for a full stream.
    pub base: Option<String>,
    /// The offset up to which it has arrived, in bytes.
    pub up_to: u64,
    /// Its name, with its group.
    pub name: String,
    /// Its UUID.
    pub uuid: String,
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The exit code that the other side would end with.
    pub code: u8,
    /// For people.
    pub text: String,
    /// Whether what has arrived of a stream stays, so that the rest can be sent later.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keeps_part: bool,
}
