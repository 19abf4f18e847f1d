//! What one stream says about itself, for people and scripts.

use std::fmt::Write as _;

use flow::{counted, escaped, time_text};
use foreign::{Foreign, Start};
use hyperlayer::{BaseChecksum, BaseDigest, DigestKind, Header, Identity, Volume};
use serde::Serialize;
use serde_json::{Value, json};

use crate::request::Digests;

/// Our format's name.
pub(crate) const FORMAT: &str = "HYPERLAYER/2.0";

/// The header and the digests as text. Whatever a stream can put into it is escaped: it may be
/// printed to a terminal.
pub(crate) fn own(header: &Header, digests: &[BaseDigest], shown: Digests) -> String {
    let mut text = String::new();
    let mut line = |key: &str, value: String| {
        writeln!(text, "{key:<14}{value}").expect("a string takes everything");
    };
    line("Volume:", volume_text(&header.target));
    line("UUID:", uuid_text(&header.target));
    line("Base:", header.base.as_ref().map_or("none".into(), volume_text));
    if let Some(base) = &header.base {
        line("Base UUID:", uuid_text(base));
    }
    let Identity { disk, checkpoint, base_checkpoint, previous } = &header.identity;
    let known = [("Disk:", disk), ("Checkpoint:", checkpoint), ("From:", base_checkpoint)];
    for (key, value) in known.into_iter().filter(|(_, value)| !value.is_empty()) {
        line(key, escaped(value));
    }
    if let Some(digest) = previous {
        line("After:", blake3::Hash::from(*digest).to_string());
    }
    if header.rest {
        line("Rest:", "it is for a volume that holds the beginning already".into());
    }
    if header.undo {
        line("Undo:", "restores what was there before it was overwritten".into());
    }
    line("Chunk size:", counted(header.chunk_size, "byte"));
    line("Extents:", header.extents.to_string());
    line("Changed:", counted(header.changed_bytes, "byte"));
    line("Unmapped:", counted(header.unmapped_bytes, "byte"));
    line("Detect level:", header.detect_level.to_string());
    line("Made by:", escaped(&header.tool));
    line("Made at:", time_text(header.created));
    for (key, value) in &header.pairs {
        line("Pair:", format!("{}: {}", escaped(key), escaped(value)));
    }
    let ranges = digests.iter().filter(|digest| digest.kind == DigestKind::Bytes).count();
    if ranges > 0 && shown == Digests::Counted {
        line("Base digests:", format!("{ranges}, of {}", counted(sum(digests), "byte")));
    }
    for digest in digests {
        match digest.kind {
            DigestKind::Bytes if shown == Digests::Counted => {}
            DigestKind::Root => line("Base root:", hex(digest)),
            DigestKind::Bytes => {
                line(
                    "Base digest:",
                    format!("{} {} {}", digest.offset, digest.length, hex(digest)),
                );
            }
        }
    }
    text
}

/// A stream as JSON. It borrows what it can: a header may have tens of thousands of pairs.
#[derive(Serialize)]
pub(crate) struct Described<'a> {
    base: Option<VolumeJson<'a>>,
    base_digests: Vec<DigestJson>,
    base_origin: &'a str,
    /// Only at detect level 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    base_root: Option<String>,
    changed_bytes: u64,
    chunk_size: u64,
    created: u64,
    detect_level: u8,
    extents: u64,
    format: &'static str,
    pairs: Vec<PairJson<'a>>,
    tool: &'a str,
    undo: bool,
    unmapped_bytes: u64,
    volume: VolumeJson<'a>,
    /// Only for a disk that is not a logical volume, or a stream that says which one it follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<IdentityJson<'a>>,
    /// Only for the rest of a stream.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    rest: bool,
}

#[derive(Serialize)]
struct IdentityJson<'a> {
    disk: &'a str,
    checkpoint: &'a str,
    base_checkpoint: &'a str,
    previous: Option<String>,
}

impl<'a> IdentityJson<'a> {
    fn of(identity: &'a Identity) -> Option<Self> {
        let Identity { disk, checkpoint, base_checkpoint, previous } = identity;
        let previous = previous.map(|digest| blake3::Hash::from(digest).to_string());
        let is_there = !disk.is_empty() || previous.is_some();
        is_there.then_some(Self { disk, checkpoint, base_checkpoint, previous })
    }
}

#[derive(Serialize)]
struct VolumeJson<'a> {
    name: &'a str,
    size: u64,
    uuid: &'a str,
}

#[derive(Serialize)]
struct PairJson<'a> {
    key: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
struct DigestJson {
    blake3: String,
    length: u64,
    offset: u64,
}

#[derive(Serialize)]
struct ChecksumJson {
    crc32: String,
    length: u64,
    offset: u64,
}

impl<'a> Described<'a> {
    pub(crate) fn new(header: &'a Header, digests: &[BaseDigest]) -> Self {
        let volume = |volume: &'a Volume| VolumeJson {
            name: &volume.name,
            size: volume.size,
            uuid: &volume.uuid,
        };
        let digest = |digest: &BaseDigest| DigestJson {
            blake3: hex(digest),
            length: digest.length,
            offset: digest.offset,
        };
        let of_kind = |kind| digests.iter().filter(move |digest| digest.kind == kind);
        Self {
            base: header.base.as_ref().map(volume),
            base_digests: of_kind(DigestKind::Bytes).map(digest).collect(),
            base_origin: &header.base_origin,
            base_root: of_kind(DigestKind::Root).map(hex).next(),
            changed_bytes: header.changed_bytes,
            chunk_size: header.chunk_size,
            created: header.created,
            detect_level: header.detect_level,
            extents: header.extents,
            format: FORMAT,
            pairs: pairs_json(&header.pairs),
            tool: &header.tool,
            identity: IdentityJson::of(&header.identity),
            rest: header.rest,
            undo: header.undo,
            unmapped_bytes: header.unmapped_bytes,
            volume: volume(&header.target),
        }
    }
}

fn pairs_json(pairs: &[(String, String)]) -> Vec<PairJson<'_>> {
    pairs.iter().map(|(key, value)| PairJson { key, value }).collect()
}

fn sum(digests: &[BaseDigest]) -> u64 {
    digests.iter().map(|digest| digest.length).fold(0, u64::saturating_add)
}

/// What a stream of another tool says of itself, and what it cannot promise; `has_checksum` is for one that has a
/// checksum beside it.
pub(crate) fn other(foreign: &Foreign, header: &Header, has_checksum: bool) -> String {
    let mut text = String::new();
    let mut line = |key: &str, value: String| {
        writeln!(text, "{key:<14}{value}").expect("a string takes everything");
    };
    let bytes = |bytes: Option<u64>| bytes.map_or("unknown".into(), |bytes| counted(bytes, "byte"));
    line("Format:", foreign.format.into());
    let lacks = foreign.lacks(has_checksum);
    if !lacks.is_empty() {
        line("Lacks:", lacks.join(", "));
    }
    line("Volume:", foreign.name.as_deref().map_or("no name".into(), escaped));
    if !foreign.uuid.is_empty() {
        line("UUID:", escaped(&foreign.uuid));
    }
    line("Size:", bytes(foreign.size));
    line(
        "Base:",
        match &foreign.starts {
            Start::Nothing => "none".into(),
            Start::Base { uuid } if !uuid.is_empty() => format!("UUID {}", escaped(uuid)),
            _ => "unknown".into(),
        },
    );
    if let Some(made) = &foreign.made {
        line("Made at:", format!("{made}, local time without a zone"));
    }
    line("Chunk size:", bytes(foreign.chunk_size));
    line("Changed:", bytes(foreign.changed));
    line("Detect level:", header.detect_level.to_string());
    for (key, value) in &foreign.pairs {
        line("Pair:", format!("{}: {}", escaped(key), escaped(value)));
    }
    for check in &foreign.base_checksums {
        line("Base CRC-32:", format!("{} {} {:x}", check.offset, check.length, check.crc32));
    }
    text
}

/// A stream of another tool as JSON.
#[derive(Serialize)]
pub(crate) struct DescribedForeign<'a> {
    base: Value,
    base_checksums: Vec<ChecksumJson>,
    changed_bytes: Option<u64>,
    chunk_size: Option<u64>,
    detect_level: u8,
    format: &'static str,
    full: Option<bool>,
    lacks: Vec<&'static str>,
    made_at_local_time: Option<String>,
    pairs: Vec<PairJson<'a>>,
    volume: Value,
}

impl<'a> DescribedForeign<'a> {
    pub(crate) fn new(foreign: &'a Foreign, header: &Header, has_checksum: bool) -> Self {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let checksum = |check: &BaseChecksum| ChecksumJson {
            crc32: format!("{:08x}", check.crc32),
            length: check.length,
            offset: check.offset,
        };
        Self {
            base: match &foreign.starts {
                Start::Base { uuid } => json!({ "uuid": text(uuid) }),
                Start::Nothing | Start::Unknown => Value::Null,
            },
            base_checksums: foreign.base_checksums.iter().map(checksum).collect(),
            changed_bytes: foreign.changed,
            chunk_size: foreign.chunk_size,
            detect_level: header.detect_level,
            format: foreign.format,
            full: match foreign.starts {
                Start::Nothing => Some(true),
                Start::Base { .. } => Some(false),
                Start::Unknown => None,
            },
            lacks: foreign.lacks(has_checksum),
            made_at_local_time: foreign.made.as_ref().map(ToString::to_string),
            pairs: pairs_json(&foreign.pairs),
            volume: json!({
                "name": foreign.name, "uuid": text(&foreign.uuid), "size": foreign.size,
            }),
        }
    }
}

fn volume_text(volume: &Volume) -> String {
    format!("{}, {}", escaped(&volume.name), counted(volume.size, "byte"))
}

fn uuid_text(volume: &Volume) -> String {
    if volume.uuid.is_empty() { "none".into() } else { escaped(&volume.uuid) }
}

fn hex(digest: &BaseDigest) -> String {
    blake3::Hash::from_bytes(digest.digest).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use flow::is_obeyed;

    use super::*;

    #[test]
    fn json_escapes_the_same_and_stays_json() {
        let value = "\x1b[2J\n\u{9b}31m a\u{202e}b \"文\"";
        let pairs = vec![("key".into(), value.into())];
        let header = Header { pairs, ..hyperlayer::testing::header(512) };
        let text = cli::json_text(&Described::new(&header, &[])).unwrap();
        assert!(!text.chars().any(|character| character != '\n' && is_obeyed(character)), "{text}");
        let parsed: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed["pairs"][0]["value"], value);
    }
}
