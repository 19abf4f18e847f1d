//! [`Foreign`]: what another tool's stream says about itself, and what the reader fills in.

use hyperlayer::{BaseChecksum, Header, Identity, SECTOR, Volume};

use super::local_time::LocalTime;

/// The largest volume, if its size is unknown.
pub(super) const MOST: u64 = i64::MAX as u64 - (SECTOR - 1);
/// The chunk size if neither the stream nor the reader knows one.
const CHUNK: u64 = 65536;

pub(super) const NO_CHECKSUMS: &str = "no checksums";
pub(super) const NO_END: &str = "its end cannot be verified";
pub(super) const NO_IDENTITY: &str = "no identity of the base";
/// What a stream lacks if it may leave out ranges that have changed: they show old data.
pub const LEFT_OUT: &str = "new holes may be missing";

/// What another tool's stream says about itself, and what it cannot guarantee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// The format's name.
    pub format: &'static str,
    /// What the format cannot guarantee, in short phrases; empty if it is as good as ours.
    pub lacks: Vec<&'static str>,
    /// The volume's name.
    pub name: Option<String>,
    /// The volume's UUID, or whatever else identifies it; empty if nothing does.
    pub uuid: String,
    /// The disk it belongs to: it has the same name in every stream of a chain.
    pub disk: Option<String>,
    /// When it was made.
    pub made: Option<LocalTime>,
    /// The volume's size in bytes.
    pub size: Option<u64>,
    /// Whether the base must have the same size.
    pub base_has_its_size: bool,
    /// The unit of allocation, in bytes.
    pub chunk_size: Option<u64>,
    /// How many bytes change at most.
    pub changed: Option<u64>,
    /// What it starts from.
    pub starts: Start,
    /// Keys and values that the user gave.
    pub pairs: Vec<(String, String)>,
    /// How the base was proved.
    pub detect_level: u8,
    /// What the base must hold.
    pub base_checksums: Vec<BaseChecksum>,
    /// Whether data that is all zeros stands for zeros and for holes.
    pub(super) zeros_are_holes: bool,
    /// What may follow it.
    pub(super) followed_by: FollowedBy,
}

/// What may follow the end of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FollowedBy {
    Nothing,
    LvBackup,
    VirtNbdBackup,
}

/// What a stream of another tool starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// It is a full stream.
    Nothing,
    /// A volume, with its UUID if that is known.
    Base {
        /// What identifies the base; empty if nothing does.
        uuid: String,
    },
    /// The format does not say.
    Unknown,
}

/// What the reader knows and a stream does not say. What the stream says itself takes precedence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// The new volume's name.
    pub name: Option<String>,
    /// The volume that the stream is meant for; `None` if it starts from nothing.
    pub base: Option<Volume>,
    /// The new volume's size in bytes; by default the base's.
    pub size: Option<u64>,
    /// The unit of allocation, in bytes.
    pub chunk_size: Option<u64>,
}

impl Foreign {
    pub(super) fn new(format: &'static str) -> Self {
        Self {
            format,
            lacks: Vec::new(),
            name: None,
            uuid: String::new(),
            disk: None,
            made: None,
            size: None,
            base_has_its_size: false,
            chunk_size: None,
            changed: None,
            starts: Start::Unknown,
            pairs: Vec::new(),
            detect_level: 0,
            base_checksums: Vec::new(),
            zeros_are_holes: false,
            followed_by: FollowedBy::Nothing,
        }
    }

    /// Whether a cut stream can be told from a complete one.
    pub fn has_end(&self) -> bool {
        !self.lacks.contains(&NO_END)
    }

    /// What it cannot guarantee; `has_checksum`: it has a checksum next to it.
    pub fn lacks(&self, has_checksum: bool) -> Vec<&'static str> {
        let is_there = |lack: &&str| has_checksum && *lack == NO_CHECKSUMS;
        self.lacks.iter().filter(|lack| !is_there(lack)).copied().collect()
    }

    /// Whether another stream may follow it.
    pub fn may_be_followed(&self) -> bool {
        self.followed_by != FollowedBy::Nothing
    }

    /// The header that a stream of ours would have. Unknown sizes are as large as possible.
    pub(super) fn header(&self, missing: &Missing) -> std::result::Result<Header, String> {
        let base_size = missing.base.as_ref().map(|base| base.size);
        let size = self.size.or(missing.size).or(base_size).unwrap_or(MOST);
        let base = |uuid: &str| {
            let known = missing.base.as_ref();
            Volume {
                name: known.map_or("base", |base| &base.name).into(),
                uuid: uuid.into(),
                // A format that says nothing about the base's size shrinks no volume: a larger base is wrong.
                size: match base_size {
                    Some(base_size) if !self.base_has_its_size => base_size.min(size),
                    _ => size,
                },
            }
        };
        let name = self.name.as_ref().or(missing.name.as_ref());
        // Names of checkpoints are not UUIDs: they are the same for all disks.
        let uuid = |text: &str| if self.disk.is_some() { String::new() } else { text.to_owned() };
        let header = Header {
            target: Volume {
                name: name.map_or("volume", |name| name).into(),
                uuid: uuid(&self.uuid),
                size,
            },
            base: match &self.starts {
                Start::Nothing => None,
                Start::Base { uuid: of_base } => Some(base(&uuid(of_base))),
                Start::Unknown => missing.base.as_ref().map(|known| base(&known.uuid)),
            },
            chunk_size: self.chunk_size.or(missing.chunk_size).unwrap_or(CHUNK),
            pairs: self.pairs.clone(),
            detect_level: self.detect_level,
            // At most one for each block.
            extents: self
                .changed
                .zip(self.chunk_size)
                .and_then(|(bytes, chunk)| bytes.checked_div(chunk))
                .unwrap_or(0),
            changed_bytes: self.changed.unwrap_or(0),
            unmapped_bytes: 0,
            tool: self.format.into(),
            created: 0,
            undo: false,
            base_origin: String::new(),
            identity: self.identity(),
            rest: false,
        };
        header.validate()?;
        Ok(header)
    }

    /// Identifies the volume and its base: for a disk, by the names of its checkpoints.
    fn identity(&self) -> Identity {
        let Some(disk) = &self.disk else { return Identity::default() };
        let base = match &self.starts {
            Start::Base { uuid } => uuid.clone(),
            Start::Nothing | Start::Unknown => String::new(),
        };
        Identity {
            disk: disk.clone(),
            checkpoint: self.uuid.clone(),
            base_checkpoint: base,
            previous: None,
        }
    }
}
