//! What a stream says of itself, for people and scripts.

use std::fmt::Write as _;

use cli::time_text;
use hyperlayer::{BaseDigest, Foreign, Header, Start, Volume};
use serde_json::{Value, json};

/// The header and the digests as text. Whatever a stream can put into it is escaped: it may be
/// printed to a terminal.
pub(crate) fn text(header: &Header, digests: &[BaseDigest]) -> String {
    let mut text = String::new();
    let mut line = |key: &str, value: String| {
        writeln!(text, "{key:<14}{value}").expect("a string takes everything");
    };
    line("Volume:", volume_text(&header.target));
    line("Base:", header.base.as_ref().map_or("none".into(), volume_text));
    if header.undo {
        line("Undo:", "it leads back: what was there before it was overwritten".into());
    }
    line("Chunk size:", format!("{} bytes", header.chunk_size));
    line("Extents:", header.extents.to_string());
    line("Changed:", format!("{} bytes", header.changed_bytes));
    line("Unmapped:", format!("{} bytes", header.unmapped_bytes));
    line("Detect level:", header.detect_level.to_string());
    line("Made by:", escaped(&header.tool));
    line("Made at:", time_text(header.created));
    for (key, value) in &header.pairs {
        line("Pair:", format!("{}: {}", escaped(key), escaped(value)));
    }
    for digest in digests {
        line("Base digest:", format!("{} {} {}", digest.offset, digest.length, hex(digest)));
    }
    text
}

/// The same as JSON, with the same characters escaped.
pub(crate) fn json(header: &Header, digests: &[BaseDigest]) -> String {
    json_text(&value(header, digests))
}

/// A JSON value in lines, with everything escaped that a terminal would obey.
pub(crate) fn json_text(value: &Value) -> String {
    let escape = |character: char| match character {
        '\n' => "\n".into(), // between the lines; within strings JSON escapes it already
        character if is_obeyed(character) => format!("\\u{:04x}", u32::from(character)),
        character => character.to_string(),
    };
    format!("{value:#}\n").chars().map(escape).collect()
}

pub(crate) fn value(header: &Header, digests: &[BaseDigest]) -> Value {
    let volume =
        |volume: &Volume| json!({ "name": volume.name, "uuid": volume.uuid, "size": volume.size });
    let pair = |(key, value): &(String, String)| json!({ "key": key, "value": value });
    let digest = |digest: &BaseDigest| json!({ "offset": digest.offset, "length": digest.length, "blake3": hex(digest) });
    json!({
        "format": "HYPERLAYER/2.0",
        "volume": volume(&header.target),
        "base": header.base.as_ref().map(volume),
        "chunk_size": header.chunk_size,
        "extents": header.extents,
        "changed_bytes": header.changed_bytes,
        "unmapped_bytes": header.unmapped_bytes,
        "detect_level": header.detect_level,
        "undo": header.undo,
        "base_origin": header.base_origin,
        "tool": header.tool,
        "created": header.created,
        "pairs": header.pairs.iter().map(pair).collect::<Vec<_>>(),
        "base_digests": digests.iter().map(digest).collect::<Vec<_>>(),
    })
}

/// What a stream of another tool says of itself, and what it cannot promise.
pub(crate) fn foreign_text(foreign: &Foreign, header: &Header) -> String {
    let mut text = String::new();
    let mut line = |key: &str, value: String| {
        writeln!(text, "{key:<14}{value}").expect("a string takes everything");
    };
    let bytes =
        |bytes: Option<u64>| bytes.map_or("unknown".into(), |bytes| format!("{bytes} bytes"));
    line("Format:", foreign.format.into());
    if !foreign.lacks.is_empty() {
        line("Lacks:", foreign.lacks.join(", "));
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

/// The same as JSON; null is what is not known.
pub(crate) fn foreign_json(foreign: &Foreign, header: &Header) -> String {
    json_text(&foreign_value(foreign, header))
}

pub(crate) fn foreign_value(foreign: &Foreign, header: &Header) -> Value {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let base = match &foreign.starts {
        Start::Base { uuid } => json!({ "uuid": text(uuid) }),
        Start::Nothing | Start::Unknown => Value::Null,
    };
    let pair = |(key, value): &(String, String)| json!({ "key": key, "value": value });
    json!({
        "format": foreign.format,
        "lacks": foreign.lacks,
        "volume": { "name": foreign.name, "uuid": text(&foreign.uuid), "size": foreign.size },
        "full": match foreign.starts {
            Start::Nothing => Some(true),
            Start::Base { .. } => Some(false),
            Start::Unknown => None,
        },
        "base": base,
        "chunk_size": foreign.chunk_size,
        "changed_bytes": foreign.changed,
        "detect_level": header.detect_level,
        "pairs": foreign.pairs.iter().map(pair).collect::<Vec<_>>(),
        "base_checksums": foreign.base_checksums.iter().map(|check| json!({
            "offset": check.offset, "length": check.length, "crc32": format!("{:08x}", check.crc32),
        })).collect::<Vec<_>>(),
    })
}

fn volume_text(volume: &Volume) -> String {
    let uuid = if volume.uuid.is_empty() { "no UUID" } else { &volume.uuid };
    format!("{} ({uuid}), {} bytes", escaped(&volume.name), volume.size)
}

/// A text of a stream's, for a terminal.
pub(crate) fn escaped(text: &str) -> String {
    let escape = |character: char| match character {
        '\n' | '\r' | '\t' => character.escape_default().to_string(),
        character if is_obeyed(character) => character.escape_unicode().to_string(),
        character => character.to_string(),
    };
    text.chars().map(escape).collect()
}

/// Whether a terminal does something else with a character than show it: controls, and marks that
/// turn the direction of what follows.
fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn hex(digest: &BaseDigest) -> String {
    blake3::Hash::from_bytes(digest.digest).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_unescaped() {
        assert_eq!(escaped("plain äß 文"), "plain äß 文");
        assert_eq!(escaped("\x1b[2J\n\u{9b}"), "\\u{1b}[2J\\n\\u{9b}");
        assert_eq!(escaped("a\u{202e}b"), "a\\u{202e}b");
    }

    #[test]
    fn json_escapes_the_same_and_stays_json() {
        let value = "\x1b[2J\n\u{9b}31m a\u{202e}b \"文\"";
        let pairs = vec![("key".into(), value.into())];
        let header = Header { pairs, ..crate::testing::header(512) };
        let text = json(&header, &[]);
        assert!(!text.chars().any(|character| character != '\n' && is_obeyed(character)), "{text}");
        let parsed: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed["pairs"][0]["value"], value);
    }
}
