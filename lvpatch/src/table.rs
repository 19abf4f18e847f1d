//! `--info FILE…`: what streams in files are, and whether they follow one another.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write};

use anyhow::Context;
use cli::{escaped, time_text};
use hyperlayer::{Header, Outline};
use serde::Serialize;

use crate::info::{self, Described, json_text};

/// A stream in a file.
struct Entry {
    /// The file, and the stream's number in it where there are several.
    place: String,
    outline: Outline,
    /// Why it does not follow the one before it; none where it does.
    breaks: Option<String>,
}

/// Prints one stream as a whole, several as a table.
pub(crate) fn print(files: &[String], as_json: bool) -> anyhow::Result<()> {
    let mut entries = Vec::new();
    for path in files {
        entries.extend(read(path)?);
    }
    let mut entries = in_order(entries);
    mark_breaks(&mut entries);
    let text = match entries.as_slice() {
        [one] if !as_json => info::text(&one.outline.header, &one.outline.base_digests),
        [one] => info::json(&one.outline.header, &one.outline.base_digests)?,
        several if as_json => json_text(&several.iter().map(EntryJson::new).collect::<Vec<_>>())?,
        several => table(several),
    };
    io::stdout().write_all(text.as_bytes()).context("standard output")
}

fn read(path: &str) -> anyhow::Result<Vec<Entry>> {
    let name = || escaped(path);
    let mut file = File::open(path).with_context(name)?;
    if !file.metadata().with_context(name)?.is_file() {
        return Err(cli::Refusal::Usage(format!(
            "{} is no regular file: read it from standard input (lvpatch --info < FILE)",
            name()
        ))
        .into());
    }
    let outlines = Outline::all(&mut file).with_context(name)?;
    let several = outlines.len() > 1;
    let entry = |(number, outline)| {
        let place = if several { format!("{}, stream {}", name(), number + 1) } else { name() };
        Entry { place, outline, breaks: None }
    };
    Ok(outlines.into_iter().enumerate().map(entry).collect())
}

/// Sorts streams so that each stands behind the one that it follows, if that is there. Those that
/// follow none of them begin a chain, in the order given.
fn in_order(entries: Vec<Entry>) -> Vec<Entry> {
    let follows =
        |one: &Entry, other: &Entry| one.outline.header.follows(&other.outline.header).is_ok();
    let mut rest: Vec<Option<Entry>> = entries.into_iter().map(Some).collect();
    let mut sorted: Vec<Entry> = Vec::new();
    while rest.iter().any(Option::is_some) {
        let next = |rest: &[Option<Entry>]| {
            let after = |last: &Entry| {
                rest.iter().position(|one| one.as_ref().is_some_and(|one| follows(one, last)))
            };
            let begins = |one: &Entry| !rest.iter().flatten().any(|other| follows(one, other));
            sorted
                .last()
                .and_then(after)
                .or_else(|| rest.iter().position(|one| one.as_ref().is_some_and(begins)))
                .or_else(|| rest.iter().position(Option::is_some)) // they go in a circle
        };
        let Some(place) = next(&rest) else { break };
        sorted.extend(rest[place].take());
    }
    sorted
}

fn mark_breaks(entries: &mut [Entry]) {
    let mut previous: Option<Header> = None;
    for entry in entries {
        let header = &entry.outline.header;
        entry.breaks = previous.as_ref().and_then(|previous| header.follows(previous).err());
        previous = Some(header.clone());
    }
}

fn table(entries: &[Entry]) -> String {
    let mut rows = vec![
        ["STREAM", "BASE", "VOLUME", "SIZE", "CHANGED", "UNMAPPED", "MADE AT"].map(String::from),
    ];
    for entry in entries {
        let header = &entry.outline.header;
        rows.push([
            entry.place.clone(),
            header.base.as_ref().map_or("- (full)".into(), |base| escaped(&base.name)),
            escaped(&header.target.name),
            header.target.size.to_string(),
            header.changed_bytes.to_string(),
            header.unmapped_bytes.to_string(),
            time_text(header.created),
        ]);
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

/// A stream in a file, as JSON has it.
#[derive(Serialize)]
struct EntryJson<'a> {
    breaks: Option<&'a str>,
    #[serde(flatten)]
    header: Described<'a>,
    stored_bytes: u64,
    stream: &'a str,
    stream_digest: String,
}

impl<'a> EntryJson<'a> {
    fn new(entry: &'a Entry) -> Self {
        let outline = &entry.outline;
        Self {
            breaks: entry.breaks.as_deref(),
            header: Described::new(&outline.header, &outline.base_digests),
            stored_bytes: outline.end - outline.begin,
            stream: &entry.place,
            stream_digest: blake3::Hash::from_bytes(outline.stream_digest).to_hex().to_string(),
        }
    }
}
