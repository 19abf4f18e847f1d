//! [`Request`] and [`Answer`]: what is said.

use serde::{Deserialize, Serialize};

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
    /// Complete a partial copy: the rest of its stream follows, in blocks.
    Resume {
        /// What it will be a copy of.
        source: Source,
        /// As of [`Request::Receive`].
        base: Option<String>,
        /// The UUID of the volume that holds the beginning.
        partial: String,
    },
}

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
    /// To [`Request::Receive`]: the copy is there, complete and proved.
    Received(Copy),
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
}
