//! [`Request`]: how streams are to be applied.

use std::path::{Path, PathBuf};

/// How streams are to be applied.
#[derive(Debug)]
pub struct Request {
    /// Where the streams go.
    pub destination: Destination,
    /// Where the base is, or the volume that is written in place.
    pub named: Named,
    /// Whether the base is proved.
    pub proof: Proof,
    /// Which pools are accepted.
    pub chunks: Chunking,
    /// Whether the result is proved.
    pub whole: Whole,
    /// The size of the volume that is made, in bytes, for streams that do not say it.
    pub size: Option<u64>,
    /// The program and its version, as the header of an undo names it.
    pub tool: String,
}

/// Where streams go.
#[derive(Debug)]
pub enum Destination {
    /// To a new volume of a pool.
    NewVolume(Making),
    /// To the named volume itself.
    InPlace(Overwriting),
    /// To a path: a block device or an image in place, or a new image.
    Path(PathBuf, Overwriting),
}

/// What is made from streams that follow one another.
#[derive(Debug)]
pub enum Making {
    /// One volume from all of them, with this name or the one in the last stream.
    One(Option<String>),
    /// A volume from each, under its own name.
    Each,
}

/// How something is overwritten without a snapshot to go back to.
#[derive(Debug)]
pub struct Overwriting {
    /// The new file that keeps what is overwritten.
    pub backup: Option<PathBuf>,
    /// What to do with a cut stream.
    pub cut: Cut,
}

/// What to do with a cut stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// It is an error.
    Refused,
    /// The part before the cut is applied, and nothing follows it.
    Applied,
}

/// Whether the base is proved, by digests and tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Before anything is written.
    Needed,
    /// Not at all: a wrong base makes a wrong volume.
    Skipped,
}

/// Whether the result is read and checked against the root digest in the last stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    /// It is not: every record was verified before it was written.
    Taken,
    /// It is, before the result counts as made.
    Proved,
}

/// Which pools are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunking {
    /// Pools with the stream's chunk size.
    Same,
    /// Pools with any chunk size.
    Any,
}

/// The names given for a volume of this machine.
#[derive(Debug, Default)]
pub struct Named {
    /// Its volume group.
    pub group: Option<String>,
    /// Its pool, with or without the group.
    pub pool: Option<String>,
    /// The volume, with or without the group.
    pub volume: Option<String>,
}

impl Request {
    /// The new volume's name, if it was given.
    pub fn new_name(&self) -> Option<&str> {
        match &self.destination {
            Destination::NewVolume(Making::One(name)) => name.as_deref(),
            _ => None,
        }
    }

    /// The new file that keeps what is overwritten.
    pub fn backup(&self) -> Option<&Path> {
        self.overwriting().and_then(|how| how.backup.as_deref())
    }

    /// What to do with a cut stream.
    pub fn cut(&self) -> Cut {
        self.overwriting().map_or(Cut::Refused, |how| how.cut)
    }

    /// Whether the named volume is written in place.
    pub(crate) fn is_in_place(&self) -> bool {
        matches!(self.destination, Destination::InPlace(_))
    }

    /// Whether the base is proved.
    pub(crate) fn needs_proof(&self) -> bool {
        self.proof == Proof::Needed
    }

    fn overwriting(&self) -> Option<&Overwriting> {
        match &self.destination {
            Destination::NewVolume(_) => None,
            Destination::InPlace(how) | Destination::Path(_, how) => Some(how),
        }
    }
}
