//! Several streams as a table, or as a list in JSON.

use std::fmt::Write as _;

use cli::json_text;
use flow::{escaped, human, time_text};
use foreign::Start;
use hyperlayer::{Outline, Records};
use serde::Serialize;
use streams::{Entry, Link, Stream};

use super::info::{self, Described, DescribedForeign};
use crate::request::{Detail, Digests};

/// The columns that are always shown; with names of 13 characters they fit into 80.
const NARROW: usize = 5;
/// Those that follow are only shown to those who ask for more.
const HEADINGS: [&str; 10] = [
    "STREAM", "BASE", "VOLUME", "STORED", "MADE AT", "SIZE", "CHANGED", "UNMAPPED", "FORMAT",
    "UUID",
];
const COLUMNS: usize = HEADINGS.len();

/// What is longer than so many bytes is a UUID, and shown in short.
const LONGEST_NAME: usize = 24;

fn is_number(column: usize) -> bool {
    matches!(HEADINGS[column], "STORED" | "SIZE" | "CHANGED" | "UNMAPPED")
}

/// One stream as a whole, several as a table; as JSON always a list.
pub(crate) fn text(entries: &[Entry], detail: Detail) -> anyhow::Result<String> {
    match (entries, detail) {
        (several, Detail::Json) => json(several.iter().map(EntryJson::new).collect()),
        ([one], Detail::Text(digests)) => Ok(match &one.stream {
            Stream::Own(outline) => info::own(&outline.header, &outline.base_digests, digests),
            Stream::Other(foreign, header) => info::other(foreign, header, one.has_checksum),
        }),
        (several, Detail::Text(digests)) => Ok(table(several, digests == Digests::Listed)),
    }
}

/// A stream that comes through a pipe, whose trailer has not been read.
pub(crate) fn of_link(link: &Link, detail: Detail) -> anyhow::Result<String> {
    let (header, digests) = (link.header(), link.decoder.base_digests());
    let foreign = link.decoder.foreign();
    match (detail, foreign) {
        (Detail::Text(shown), None) => Ok(info::own(header, digests, shown)),
        (Detail::Text(_), Some(foreign)) => Ok(info::other(foreign, header, link.has_checksum)),
        (Detail::Json, _) => {
            let what = match foreign {
                None => WhatJson::Own {
                    header: Described::new(header, digests),
                    stored_bytes: None,
                    stream_digest: None,
                },
                Some(foreign) => {
                    WhatJson::Other(DescribedForeign::new(foreign, header, link.has_checksum))
                }
            };
            json(vec![EntryJson { breaks: None, what, stream: &link.name }])
        }
    }
}

fn json(streams: Vec<EntryJson<'_>>) -> anyhow::Result<String> {
    json_text(&Streams { streams })
}

/// `wide`: with all columns, and with UUIDs in full, also of volumes that have names.
fn table(entries: &[Entry], wide: bool) -> String {
    let mut rows = vec![HEADINGS.map(String::from)];
    for entry in entries {
        rows.push(row(entry, wide));
    }
    let shown = if wide { COLUMNS } else { NARROW };
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<_> = (0..COLUMNS).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        if let Some(why) = number.checked_sub(1).and_then(|entry| entries[entry].breaks.as_ref()) {
            text += &note(&format!("-- the chain breaks here: {}", escaped(why)));
        }
        let cell = |(column, cell): (usize, &String)| match is_number(column) {
            true => format!("{cell:>width$}", width = widths[column]),
            false => format!("{cell:<width$}", width = widths[column]),
        };
        let line: Vec<_> = row.iter().take(shown).enumerate().map(cell).collect();
        writeln!(text, "{}", line.join("  ").trim_end()).expect("a string takes everything");
    }
    text
}

/// A sentence between rows, in lines of 80 columns; a word that is longer stays whole.
fn note(sentence: &str) -> String {
    const COLUMNS: usize = 80;
    let (mut text, mut column) = (String::new(), 0);
    for word in sentence.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > COLUMNS {
            text += "\n  ";
            column = 2;
        }
        if column > 0 {
            text.push(' ');
            column += 1;
        }
        text += word;
        column += length;
    }
    text + "\n"
}

/// A question mark is what another tool's stream does not say.
fn row(entry: &Entry, wide: bool) -> [String; COLUMNS] {
    // What is shorter is a name, of a checkpoint say.
    let uuid = |uuid: &str| match uuid.char_indices().nth(6) {
        Some((end, _)) if !wide && uuid.len() > LONGEST_NAME => {
            format!("{}...", escaped(&uuid[..end]))
        }
        _ => escaped(uuid),
    };
    let known = |text: &str| if text.is_empty() { "?".into() } else { escaped(text) };
    let full = || String::from("- (full)");
    match &entry.stream {
        Stream::Own(Outline { header, .. }) => [
            entry.place.clone(),
            header.base.as_ref().map_or_else(full, |base| escaped(&base.name)),
            escaped(&header.target.name),
            human(entry.stored_bytes().unwrap_or(0)),
            time_text(header.created),
            human(header.target.size),
            human(header.changed_bytes),
            human(header.unmapped_bytes),
            info::FORMAT.into(),
            known(&header.target.uuid),
        ],
        Stream::Other(foreign, _) => {
            let unknown = || String::from("?");
            let number = |number: Option<u64>| number.map_or_else(unknown, human);
            [
                entry.place.clone(),
                match &foreign.starts {
                    Start::Nothing => full(),
                    Start::Base { uuid: base } if !base.is_empty() => uuid(base),
                    _ => unknown(),
                },
                match &foreign.name {
                    Some(name) => escaped(name),
                    None if !foreign.uuid.is_empty() => uuid(&foreign.uuid),
                    None => unknown(),
                },
                unknown(),
                // It has no zone, where ours are UTC.
                foreign
                    .made
                    .as_ref()
                    .map_or_else(unknown, |made| format!("{} local", made.seconds())),
                number(foreign.size),
                number(foreign.changed),
                unknown(),
                foreign.format.into(),
                known(&foreign.uuid),
            ]
        }
    }
}

/// All of them, as JSON has them.
#[derive(Serialize)]
struct Streams<'a> {
    streams: Vec<EntryJson<'a>>,
}

/// A stream, as JSON has it.
#[derive(Serialize)]
struct EntryJson<'a> {
    breaks: Option<&'a str>,
    #[serde(flatten)]
    what: WhatJson<'a>,
    stream: &'a str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum WhatJson<'a> {
    Own {
        #[serde(flatten)]
        header: Described<'a>,
        /// These two are null of a stream in a pipe.
        stored_bytes: Option<u64>,
        stream_digest: Option<String>,
    },
    Other(DescribedForeign<'a>),
}

impl<'a> EntryJson<'a> {
    fn new(entry: &'a Entry) -> Self {
        let what = match &entry.stream {
            Stream::Own(outline) => WhatJson::Own {
                header: Described::new(&outline.header, &outline.base_digests),
                stored_bytes: entry.stored_bytes(),
                stream_digest: Some(blake3::Hash::from(outline.stream_digest).to_string()),
            },
            Stream::Other(foreign, header) => {
                WhatJson::Other(DescribedForeign::new(foreign, header, entry.has_checksum))
            }
        };
        Self { breaks: entry.breaks.as_deref(), what, stream: &entry.place }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_between_rows_has_80_columns() {
        assert_eq!(note("-- short"), "-- short\n");
        let word = "x".repeat(38);
        let text = note(&format!("-- {word} {word} {word} {word}"));
        assert_eq!(text, format!("-- {word} {word}\n   {word} {word}\n"));
        let long = "y".repeat(100);
        assert_eq!(note(&format!("-- {long} {word}")), format!("--\n   {long}\n   {word}\n"));
    }
}
