//! Several streams as a table, or as a list in JSON.

use std::fmt::Write as _;

use cli::json_text;
use flow::{escaped, time_text};
use foreign::Start;
use hyperlayer::Outline;
use serde::Serialize;
use streams::{Entry, Stream};

use super::info::{self, Described, DescribedForeign};

/// One stream in full, several as a table.
pub(crate) fn text(entries: &[Entry], as_json: bool) -> anyhow::Result<String> {
    match entries {
        [one] => match &one.stream {
            Stream::Own(outline) => info::own(&outline.header, &outline.base_digests, as_json),
            Stream::Other(foreign, header) => {
                info::other(foreign, header, one.has_checksum, as_json)
            }
        },
        several if as_json => json_text(&several.iter().map(EntryJson::new).collect::<Vec<_>>()),
        several => Ok(table(several)),
    }
}

fn table(entries: &[Entry]) -> String {
    let mut rows = vec![
        ["STREAM", "BASE", "VOLUME", "SIZE", "CHANGED", "UNMAPPED", "MADE AT"].map(String::from),
    ];
    for entry in entries {
        rows.push(row(entry));
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<_> = (0..7).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        if let Some(why) = number.checked_sub(1).and_then(|entry| entries[entry].breaks.as_ref()) {
            writeln!(text, "-- the chain breaks here: {}", escaped(why))
                .expect("a string takes everything");
        }
        let cell = |(column, cell): (usize, &String)| match column {
            3..=5 => format!("{cell:>width$}", width = widths[column]),
            _ => format!("{cell:<width$}", width = widths[column]),
        };
        let line: Vec<_> = row.iter().enumerate().map(cell).collect();
        writeln!(text, "{}", line.join("  ").trim_end()).expect("a string takes everything");
    }
    text
}

/// A question mark stands for what another tool's stream does not say.
fn row(entry: &Entry) -> [String; 7] {
    let full = || String::from("- (full)");
    match &entry.stream {
        Stream::Own(Outline { header, .. }) => [
            entry.place.clone(),
            header.base.as_ref().map_or_else(full, |base| escaped(&base.name)),
            escaped(&header.target.name),
            header.target.size.to_string(),
            header.changed_bytes.to_string(),
            header.unmapped_bytes.to_string(),
            time_text(header.created),
        ],
        Stream::Other(foreign, _) => {
            let unknown = || String::from("?");
            let number = |number: Option<u64>| number.map_or_else(unknown, |n| n.to_string());
            [
                entry.place.clone(),
                match &foreign.starts {
                    Start::Nothing => full(),
                    Start::Base { uuid } if !uuid.is_empty() => escaped(uuid),
                    _ => unknown(),
                },
                match &foreign.name {
                    Some(name) => escaped(name),
                    None if !foreign.uuid.is_empty() => escaped(&foreign.uuid),
                    None => unknown(),
                },
                number(foreign.size),
                number(foreign.changed),
                unknown(),
                match &foreign.made {
                    Some(made) => format!("{} ({}, local time)", made.seconds(), foreign.format),
                    None => format!("? ({})", foreign.format),
                },
            ]
        }
    }
}

/// A stream in a file as JSON.
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
        stored_bytes: u64,
        stream_digest: String,
    },
    Other(DescribedForeign<'a>),
}

impl<'a> EntryJson<'a> {
    fn new(entry: &'a Entry) -> Self {
        let what = match &entry.stream {
            Stream::Own(outline) => WhatJson::Own {
                header: Described::new(&outline.header, &outline.base_digests),
                stored_bytes: outline.end - outline.begin,
                stream_digest: blake3::Hash::from_bytes(outline.stream_digest).to_hex().to_string(),
            },
            Stream::Other(foreign, header) => {
                WhatJson::Other(DescribedForeign::new(foreign, header, entry.has_checksum))
            }
        };
        Self { breaks: entry.breaks.as_deref(), what, stream: &entry.place }
    }
}
