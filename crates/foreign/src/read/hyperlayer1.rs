//! HYPERLAYER/1.0, the stream of the original lvdiff.

use std::io::Read;

use super::bytes::{Bytes, Pending, damaged};
use super::change::Change;
use super::format::Format;
use super::said::{Foreign, NO_CHECKSUMS, NO_END, NO_IDENTITY, Start};
use crate::Result;
use hyperlayer::{BaseChecksum, Error, MAX_RECORD, SECTOR};

const LINE: &[u8] = b"HYPERLAYER/1.0";
/// The most characters in a line of numbers: two or three of 16 digits, and what surrounds them.
const NUMBERS: usize = 96;
/// What a line of the header counts for besides its characters.
const PAIR: usize = 17;
/// The most base checks that are read: they are kept in memory.
const CHECKS: usize = 1 << 22;

pub(super) struct HyperLayer1 {
    /// The line of the first block, if it has been read already.
    line: Option<Vec<u8>>,
    /// Whether blocks begin with a W; the first one decides.
    marked: Option<bool>,
    announced: Option<u64>,
    blocks: u64,
    pending: Pending,
    inside: bool,
}

/// Whether these are a stream's first bytes.
pub(super) fn is(first: &[u8]) -> bool {
    first.strip_prefix(LINE).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"\n"))
}

pub(super) fn begin<R: Read>(source: &mut Bytes<R>) -> Result<(HyperLayer1, Foreign)> {
    _ = source.line(LINE.len(), "its first line")?;
    let fields = Fields::read(source)?;
    let at = source.at();
    let foreign = fields.foreign().map_err(|reason| damaged(at, reason))?;
    let announced = fields.number("Delta blocks").map_err(|reason| damaged(at, reason))?;
    let mut hyperlayer = HyperLayer1 {
        line: None,
        marked: None,
        announced,
        blocks: 0,
        pending: Pending::default(),
        inside: false,
    };
    let mut foreign = foreign;
    if foreign.detect_level > 0 {
        (foreign.base_checksums, hyperlayer.line) = read_checks(source, foreign.size)?;
    }
    Ok((hyperlayer, foreign))
}

impl<R: Read> Format<R> for HyperLayer1 {
    fn next(&mut self, source: &mut Bytes<R>, buf: &mut Vec<u8>) -> Result<Option<Change>> {
        loop {
            if let Some(change) = self.pending.next(source, buf, "a block's data")? {
                return Ok(Some(change));
            }
            if self.inside {
                self.inside = false;
                let (at, mut byte) = (source.at(), [0]);
                source.fill_whole(&mut byte, "a block: the line feed after it is missing")?;
                if byte != *b"\n" {
                    return Err(damaged(at, "there is no line feed after a block's data".into()));
                }
            }
            let at = source.at();
            let line = match self.line.take() {
                Some(line) => Some(line),
                None => source.line(NUMBERS, "a block's line")?,
            };
            let Some(line) = line else { return self.end(at) };
            self.blocks = self.blocks.saturating_add(1);
            if self.announced.is_some_and(|announced| self.blocks > announced) {
                return Err(damaged(at, "more blocks than \"Delta blocks\" says".into()));
            }
            let (offset, length) = self.range(&line).ok_or_else(|| {
                damaged(at, format!("a block begins with \"{}\"", line.escape_ascii()))
            })?;
            source.check_range(at, offset, length)?;
            (self.pending, self.inside) = (Pending::new(offset, length), true);
        }
    }
}

impl HyperLayer1 {
    fn end(&self, at: u64) -> Result<Option<Change>> {
        match self.announced {
            Some(announced) if announced != self.blocks => {
                Err(Error::Cut { at, inside: "its blocks: fewer came than \"Delta blocks\" says" })
            }
            _ => Ok(None),
        }
    }

    /// The range of a block's line, in bytes: `W OFFSET LENGTH`, or, in older streams, without the W.
    fn range(&mut self, line: &[u8]) -> Option<(u64, u64)> {
        let words = words(line)?;
        let (marked, offset, length) = match words.as_slice() {
            ["W", offset, length] => (true, offset, length),
            [offset, length] => (false, offset, length),
            _ => return None,
        };
        if *self.marked.get_or_insert(marked) != marked {
            return None;
        }
        Some((sectors(offset)?, sectors(length)?))
    }
}

/// Reads the base checks, if there are any; otherwise yields the line found in their place.
fn read_checks<R: Read>(
    source: &mut Bytes<R>,
    size: Option<u64>,
) -> Result<(Vec<BaseChecksum>, Option<Vec<u8>>)> {
    let mut checks = Vec::new();
    loop {
        let at = source.at();
        let Some(line) = source.line(NUMBERS, "a base check")? else {
            return match checks.is_empty() {
                true => Ok((checks, None)),
                false => Err(Error::Cut { at, inside: "the base checks" }),
            };
        };
        if checks.is_empty() && !line.starts_with(b"D ") {
            return Ok((checks, Some(line)));
        }
        if line.is_empty() {
            return Ok((checks, None));
        }
        let check = check(&line)
            .ok_or_else(|| damaged(at, format!("a base check is \"{}\"", line.escape_ascii())))?;
        let end = check.offset.checked_add(check.length);
        if check.length == 0 || end.is_none_or(|end| size.is_some_and(|size| end > size)) {
            let reason = format!(
                "a base check of {} bytes at offset {} lies outside the volume",
                check.length, check.offset
            );
            return Err(damaged(at, reason));
        }
        if checks.len() == CHECKS {
            return Err(Error::Unsupported { at, what: format!("more than {CHECKS} base checks") });
        }
        checks.push(check);
    }
}

fn check(line: &[u8]) -> Option<BaseChecksum> {
    let words = words(line)?;
    let ["D", offset, length, "CRC32", crc] = words.as_slice() else { return None };
    let crc32 = u32::try_from(hex(crc)?).ok()?;
    Some(BaseChecksum { offset: sectors(offset)?, length: sectors(length)?, crc32 })
}

fn words(line: &[u8]) -> Option<Vec<&str>> {
    Some(std::str::from_utf8(line).ok()?.split(' ').collect())
}

/// A number of sectors, in bytes.
fn sectors(word: &str) -> Option<u64> {
    hex(word)?.checked_mul(SECTOR)
}

fn hex(word: &str) -> Option<u64> {
    let digits = (1..=16).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_hexdigit());
    digits.then(|| u64::from_str_radix(word, 16).ok()).flatten()
}

/// The header's lines, as keys and values.
struct Fields(Vec<(String, String)>);

/// The header's own keys, in their order.
pub(crate) const KEYS: [&str; 7] = [
    "Name",
    "Volume size",
    "Chunk size",
    "Delta blocks",
    "VolumeUUID",
    "Detect level",
    "Backing volumeUUID",
];

impl Fields {
    fn read<R: Read>(source: &mut Bytes<R>) -> Result<Self> {
        let (mut fields, mut room) = (Vec::new(), MAX_RECORD);
        loop {
            let at = source.at();
            if room == 0 {
                return Err(damaged(at, format!("the header has more than {MAX_RECORD} bytes")));
            }
            let Some(line) = source.line(room, "the header")? else {
                return Err(Error::Cut { at, inside: "the header" });
            };
            if line.is_empty() {
                return Ok(Self(fields));
            }
            // No more than a header of ours has room for: a pair takes 16 bytes more there.
            room = room.saturating_sub(line.len().saturating_add(PAIR));
            let text = String::from_utf8(line)
                .map_err(|_| damaged(at, "a line of the header is not UTF-8".into()))?;
            let Some((key, value)) = key_and_value(&text) else {
                return Err(damaged(at, format!("a line of the header has no colon: {text:?}")));
            };
            let value = unquoted(value.trim()).ok_or_else(|| {
                damaged(at, format!("a value's quotes are not closed: {value:?}"))
            })?;
            fields.push((key, value));
        }
    }

    /// The first value of a key: later ones are the user's.
    fn text(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    fn number(&self, key: &str) -> std::result::Result<Option<u64>, String> {
        let Some(text) = self.text(key) else { return Ok(None) };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if digits => Ok(Some(number)),
            _ => Err(format!("{key} is {text:?}: expected a number")),
        }
    }

    fn foreign(&self) -> std::result::Result<Foreign, String> {
        let chunk_size = self.number("Chunk size")?;
        let blocks = self.number("Delta blocks")?;
        let size = self.number("Volume size")?;
        let text = |key| self.text(key).unwrap_or_default().to_owned();
        let base = text("Backing volumeUUID");
        let mut lacks = vec![NO_CHECKSUMS];
        if blocks.is_none() {
            lacks.push(NO_END);
        }
        if base.is_empty() {
            lacks.push(NO_IDENTITY);
        }
        let changed = blocks.zip(chunk_size).map(|(blocks, chunk)| blocks.checked_mul(chunk));
        let changed = match changed {
            None => None,
            Some(Some(bytes)) => Some(bytes.min(size.unwrap_or(bytes))),
            Some(None) => return Err("Delta blocks times Chunk size is too large".into()),
        };
        let detect_level = self.number("Detect level")?.unwrap_or(0);
        let mut seen = [false; KEYS.len()];
        let mut is_pair = |key: &str| match KEYS.iter().position(|known| *known == key) {
            Some(place) => std::mem::replace(&mut seen[place], true),
            None => !key.is_empty(),
        };
        Ok(Foreign {
            name: self.text("Name").map(Into::into),
            uuid: text("VolumeUUID"),
            size,
            base_has_its_size: true,
            chunk_size,
            changed,
            starts: Start::Base { uuid: base },
            lacks,
            zeros_are_holes: true,
            detect_level: u8::try_from(detect_level)
                .ok()
                .filter(|level| *level <= 3)
                .ok_or_else(|| format!("Detect level is {detect_level}: expected 0 to 3"))?,
            pairs: self.0.iter().filter(|(key, _)| is_pair(key)).cloned().collect(),
            ..Foreign::new("HYPERLAYER/1.0")
        })
    }
}

/// A line's key, without quotes around it, and its value as written.
fn key_and_value(line: &str) -> Option<(String, &str)> {
    let quoted = quoted_length(line).and_then(|length| line.split_at_checked(length));
    if let Some((key, rest)) = quoted
        && let Some(value) = rest.trim_start().strip_prefix(':')
        && let Some(key) = unquoted(key)
    {
        return Some((key, value));
    }
    let (key, value) = line.split_once(':')?;
    Some((key.trim().to_owned(), value))
}

/// The length in bytes of the quoted text that a line begins with, quotes included.
fn quoted_length(line: &str) -> Option<usize> {
    let mut characters = line.char_indices().peekable();
    let (_, quote) = characters.next().filter(|(_, quote)| ['\'', '"'].contains(quote))?;
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' if quote == '"' => _ = characters.next(),
            // Two quotes stand for one.
            '\'' if quote == '\'' && characters.next_if(|next| next.1 == quote).is_some() => {}
            end if end == quote => return at.checked_add(1),
            _ => {}
        }
    }
    None
}

/// A value without the quotes that YAML may put around it.
fn unquoted(value: &str) -> Option<String> {
    if let Some(inner) = value.strip_prefix('\'') {
        return Some(inner.strip_suffix('\'')?.replace("''", "'"));
    }
    let Some(inner) = value.strip_prefix('"') else { return Some(value.to_owned()) };
    let inner = inner.strip_suffix('"')?;
    let (mut text, mut characters) = (String::new(), inner.chars());
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        let escaped = characters.next()?;
        let digits = match escaped {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        text.push(match escaped {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            '0' => '\0',
            'x' | 'u' | 'U' => {
                let number: String = characters.by_ref().take(digits).collect();
                char::from_u32(u32::from_str_radix(&number, 16).ok()?)?
            }
            other => other,
        });
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_be_quoted() {
        for (line, key, value) in [
            ("a: b: c", "a", " b: c"),
            (r#""a: b": c"#, "a: b", " c"),
            (r#""a\": b" : c"#, "a\": b", " c"),
            ("'it''s: ': c", "it's: ", " c"),
            (r#""1":2"#, "1", "2"),
            // No quoted text that a colon follows.
            ("'a: b", "'a", " b"),
            (r#""a" b: c"#, r#""a" b"#, " c"),
        ] {
            assert_eq!(key_and_value(line), Some((key.to_owned(), value)), "{line}");
        }
        assert_eq!(key_and_value("'a' b"), None);
    }

    #[test]
    fn quotes_are_those_of_yaml() {
        assert_eq!(unquoted("plain: text").as_deref(), Some("plain: text"));
        assert_eq!(unquoted("'it''s'").as_deref(), Some("it's"));
        assert_eq!(unquoted(r#""a\"b\\\u00e9\x41""#).as_deref(), Some("a\"b\\éA"));
        assert_eq!(unquoted("'open"), None);
        assert_eq!(unquoted(r#""open\"#), None);
        assert_eq!(unquoted("\""), None);
    }
}
