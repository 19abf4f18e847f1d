//! [`Header`]: what a stream says about itself before its first record.
//!
//! The only user of bincode in the project: fixed-width little-endian integers, a size limit, and no
//! trailing bytes together give the layout that `docs/stream-format.md` specifies.

use std::fmt;

use bincode::Options;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::{Error, Identity, MAX_RECORD, SECTOR};

/// A volume as described in a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Its name: 1 to 255 bytes without control characters. Any further rules are up to the side that
    /// creates a volume from it.
    pub name: String,
    /// Its UUID: at most 64 printable ASCII characters; empty if it has none.
    pub uuid: String,
    /// Its size in bytes.
    pub size: u64,
}

/// For messages. It has no control characters, because a header with them is refused.
impl fmt::Display for Volume {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.uuid.as_str() {
            "" => write!(formatter, "{} (no UUID)", self.name),
            uuid => write!(formatter, "{} (UUID {uuid})", self.name),
        }
    }
}

/// A stream's header. The order of the fields is their order in the stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The volume that the stream leads to.
    pub target: Volume,
    /// The volume that it starts from; none if it starts from nothing.
    pub base: Option<Volume>,
    /// The pool's unit of allocation, in bytes: a multiple of [`SECTOR`], at most 1 GiB.
    pub chunk_size: u64,
    /// The user's keys and values, in the order given.
    pub pairs: Vec<(String, String)>,
    /// How the base is proved: 0 not at all, 1 by its head, 2 by a sample, 3 by all of it.
    pub detect_level: u8,
    /// The number of extents that differ.
    pub extents: u64,
    /// The most bytes that the data and zero records cover.
    pub changed_bytes: u64,
    /// The number of bytes that the discard records cover.
    pub unmapped_bytes: u64,
    /// The program that made the stream, and its version.
    pub tool: String,
    /// When it was made, in seconds since 1970-01-01 00:00 UTC.
    pub created: u64,
    /// Whether the records are the content of ranges before another stream overwrote them. Applied to a
    /// volume on which any part of that has happened, they restore what was there; so does any complete
    /// beginning of such a stream that was cut.
    pub undo: bool,
    /// The UUID of the volume that the base is a snapshot of; empty if it is not a snapshot, or unknown.
    pub base_origin: String,
    /// What identifies the disk and its checkpoints, if the volumes have no UUIDs.
    pub identity: Identity,
    /// Whether it is the rest of a stream whose beginning the target already holds: see
    /// [`Held`](crate::Held).
    pub rest: bool,
}

/// Offsets are `off_t` in the kernel; no volume is larger.
const MAX_SIZE: u64 = i64::MAX as u64;
const MAX_CHUNK: u64 = 1 << 30;

impl Header {
    /// The content of a header frame.
    ///
    /// # Errors
    /// [`Error::Invalid`] if no stream can have such a header.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        self.validate().map_err(Error::Invalid)?;
        options().serialize(self).map_err(|error| {
            Error::Invalid(format!("the header takes more than {MAX_RECORD} bytes: {error}"))
        })
    }

    /// Parses and checks a header frame's content.
    pub(crate) fn from_bytes(bytes: &[u8]) -> std::result::Result<Self, String> {
        let header: Self = options()
            .deserialize(bytes)
            .map_err(|error| format!("the header does not follow its layout: {error}"))?;
        header.validate()?;
        Ok(header)
    }

    /// Checks that a stream can have this header.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn validate(&self) -> std::result::Result<(), String> {
        validate_volume("target", &self.target)?;
        if let Some(base) = &self.base {
            validate_volume("base", base)?;
        }
        validate_uuid("base's origin", &self.base_origin)?;
        self.identity.validate(self.base.is_some())?;
        if self.chunk_size == 0
            || self.chunk_size > MAX_CHUNK
            || !self.chunk_size.is_multiple_of(SECTOR)
        {
            return Err(format!(
                "a chunk size of {} bytes: expected a multiple of {SECTOR}, at most {MAX_CHUNK}",
                self.chunk_size
            ));
        }
        if self.rest && self.undo {
            return Err("an undo stream that is the rest of another one".into());
        }
        if self.detect_level > 3 {
            return Err(format!("detect level {}: expected 0 to 3", self.detect_level));
        }
        match self.changed_bytes.checked_add(self.unmapped_bytes) {
            Some(bytes) if bytes <= self.target.size => {}
            _ => {
                return Err(format!(
                    "{} bytes changed and {} unmapped in a volume of {} bytes",
                    self.changed_bytes, self.unmapped_bytes, self.target.size
                ));
            }
        }
        if let Some((key, _)) = self.pairs.iter().find(|(key, _)| key.trim().is_empty()) {
            return Err(format!("a pair whose key is {key:?}"));
        }
        validate_text("tool", &self.tool)
    }
}

fn validate_volume(which: &str, volume: &Volume) -> std::result::Result<(), String> {
    validate_text(&format!("{which}'s name"), &volume.name)?;
    validate_uuid(which, &volume.uuid)?;
    if volume.size > MAX_SIZE || !volume.size.is_multiple_of(SECTOR) {
        return Err(format!(
            "the {which}'s size is {} bytes: expected a multiple of {SECTOR}, at most {MAX_SIZE}",
            volume.size
        ));
    }
    Ok(())
}

fn validate_uuid(which: &str, uuid: &str) -> std::result::Result<(), String> {
    if uuid.len() > 64 || !uuid.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("the {which}'s UUID is {:?}", shortened(uuid)));
    }
    Ok(())
}

fn validate_text(which: &str, text: &str) -> std::result::Result<(), String> {
    if text.is_empty() || text.len() > 255 || text.chars().any(char::is_control) {
        return Err(format!(
            "the {which} is {:?}: expected 1 to 255 bytes without control characters",
            shortened(text)
        ));
    }
    Ok(())
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

fn options() -> impl Options {
    bincode::DefaultOptions::new()
        .with_fixint_encoding()
        .with_little_endian()
        .with_limit(MAX_RECORD as u64)
        .reject_trailing_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn header() -> Header {
        let volume = |name: &str| Volume { name: name.into(), uuid: "u-1".into(), size: 1 << 20 };
        Header {
            target: volume("new"),
            base: Some(volume("old")),
            chunk_size: 65536,
            pairs: vec![],
            detect_level: 0,
            extents: 0,
            changed_bytes: 0,
            unmapped_bytes: 0,
            tool: "test".into(),
            created: 1,
            undo: false,
            base_origin: String::new(),
            identity: Identity::default(),
            rest: false,
        }
    }

    #[test]
    fn a_header_comes_back_as_it_was() {
        let mut header = header();
        header.pairs = vec![("b".into(), "2: two".into()), ("a".into(), "1\n".into())];
        header.identity = Identity {
            disk: "vm 7/vda".into(),
            checkpoint: "c2".into(),
            base_checkpoint: "c1".into(),
            previous: Some([3; 32]),
        };
        let bytes = header.to_bytes().unwrap();
        assert_eq!(Header::from_bytes(&bytes).unwrap(), header);
    }

    #[test]
    fn a_byte_more_or_less_is_refused() {
        let mut bytes = header().to_bytes().unwrap();
        assert!(Header::from_bytes(&bytes[..bytes.len() - 1]).is_err());
        bytes.push(0);
        assert!(Header::from_bytes(&bytes).is_err());
    }

    #[test]
    fn a_length_of_2_to_63_takes_no_memory() {
        let mut bytes = header().to_bytes().unwrap();
        bytes[..8].copy_from_slice(&(1_u64 << 63).to_le_bytes());
        assert!(Header::from_bytes(&bytes).is_err());
    }

    #[test]
    fn what_no_volume_can_be_is_refused() {
        let refused = |change: fn(&mut Header)| {
            let mut header = header();
            change(&mut header);
            assert!(header.to_bytes().is_err(), "{header:?}");
        };
        refused(|header| header.target.name = String::new());
        refused(|header| header.target.name = "a\u{1b}[2J".into());
        refused(|header| header.target.name = "x".repeat(256));
        refused(|header| header.target.uuid = "a b".into());
        refused(|header| header.base_origin = "x".repeat(65));
        refused(|header| header.target.size = 1 << 63);
        refused(|header| header.target.size = 513);
        refused(|header| header.base.as_mut().unwrap().size = u64::MAX);
        refused(|header| header.chunk_size = 0);
        refused(|header| header.chunk_size = 1000);
        refused(|header| header.chunk_size = 1 << 31);
        refused(|header| header.detect_level = 4);
        refused(|header| header.changed_bytes = (1 << 20) + 512);
        refused(|header| {
            (header.changed_bytes, header.unmapped_bytes) = (u64::MAX, 2);
        });
        refused(|header| header.pairs = vec![(" ".into(), "value".into())]);
        refused(|header| header.pairs = vec![("key".into(), "x".repeat(MAX_RECORD))]);
        refused(|header| header.tool = String::new());
        refused(|header| header.identity.checkpoint = "of no disk".into());
        refused(|header| header.identity.disk = "a\nb".into());
        refused(|header| header.identity.disk = "x".repeat(256));
        refused(|header| {
            header.base = None;
            header.identity.previous = Some([1; 32]);
        });
        refused(|header| {
            header.base = None;
            (header.identity.disk, header.identity.base_checkpoint) = ("d".into(), "c".into());
        });
    }
}
