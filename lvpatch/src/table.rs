//! `--info FILE…`: what streams in files are, and whether they follow one another.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufReader, Seek, Write};
use std::path::Path;

use anyhow::Context;
use flow::{escaped, time_text};
use foreign::{AnyDecoder, Checksum, Foreign, Lacks, Start, Summed};
use hyperlayer::{Header, Outline, Records};
use serde::Serialize;

use crate::cli::Args;
use crate::info::{self, Described, DescribedForeign, json_text};

/// A stream in a file.
struct Entry {
    /// The file, and the stream's number in it where there are several.
    place: String,
    what: What,
    /// It has a checksum beside it.
    has_checksum: bool,
    /// Its file's name says that it is a differential stream of virtnbdbackup's.
    is_differential: bool,
    /// The UUID of the virtual machine that it is of.
    machine: Option<String>,
    /// Why it does not follow the one before it, or why nobody knows; none where it does.
    breaks: Option<String>,
}

enum What {
    Own(Outline),
    /// Another tool's, with the header that ours would be.
    Other(Foreign, Header),
}

impl Entry {
    fn header(&self) -> &Header {
        match &self.what {
            What::Own(outline) => &outline.header,
            What::Other(_, header) => header,
        }
    }

    /// Whether it says what volume it starts from, or that it starts from nothing.
    fn has_base(&self) -> bool {
        match &self.what {
            What::Own(_) => true,
            What::Other(foreign, _) => match &foreign.starts {
                Start::Nothing => true,
                Start::Base { uuid } => !uuid.is_empty(),
                Start::Unknown => false,
            },
        }
    }

    /// Whether it says what volume it leads to.
    fn has_target(&self) -> bool {
        !matches!(&self.what, What::Other(foreign, _) if foreign.uuid.is_empty())
    }

    /// Why it cannot be applied to what `previous` makes, or why nobody knows.
    fn break_after(&self, previous: &Self) -> Option<String> {
        if !self.has_base() {
            return Some("it does not say what its base is".into());
        }
        if !previous.has_target() && self.header().base.is_some() {
            return Some("the stream before does not say what volume it makes".into());
        }
        if previous.is_differential {
            return Some("the stream before is a differential one, which nothing follows".into());
        }
        let before = previous.header();
        let What::Other(foreign, _) = &self.what else {
            return match &previous.what {
                What::Own(_) => self.header().follows(before),
                What::Other(other, _) => other.check_precedes(before, self.header()),
            }
            .err();
        };
        // Its size is that of the volume; its base's is for the stream before to say.
        let follows = || foreign.header_after(before)?.follows(before);
        match &previous.what {
            What::Own(_) => follows(),
            What::Other(other, _) => foreign
                .check_disk(other)
                .and_then(|()| {
                    foreign::check_machine(self.machine.as_deref(), previous.machine.as_deref())
                })
                .and_then(|()| follows())
                .and_then(|()| foreign.check_date(other)),
        }
        .err()
    }
}

/// Prints one stream as a whole, several as a table.
pub(crate) fn print(files: &[String], args: &Args) -> anyhow::Result<()> {
    let (mut entries, as_json) = (Vec::new(), args.json);
    let (disk, mut lacks) = (args.disk.as_deref(), Lacks::default());
    let mut has_folder = false;
    for path in files {
        if Path::new(path).is_dir() {
            has_folder = true;
            for path in foreign::all_streams(Path::new(path), disk)? {
                entries.extend(read(&path.display().to_string(), args.strict, &mut lacks)?);
            }
            continue;
        }
        entries.extend(read(path, args.strict, &mut lacks)?);
    }
    if disk.is_some() && !has_folder {
        let why = "--disk chooses a disk in a folder of virtnbdbackup's";
        return Err(flow::Refusal::Usage(why.into()).into());
    }
    let mut entries = in_order(entries);
    for number in 1..entries.len() {
        entries[number].breaks = entries[number].break_after(&entries[number - 1]);
    }
    let text = match entries.as_slice() {
        [one] => alone(one, as_json)?,
        several if as_json => json_text(&several.iter().map(EntryJson::new).collect::<Vec<_>>())?,
        several => table(several),
    };
    cli::print(|out| out.write_all(text.as_bytes()))
}

fn alone(entry: &Entry, as_json: bool) -> anyhow::Result<String> {
    match &entry.what {
        What::Own(outline) if as_json => info::json(&outline.header, &outline.base_digests),
        What::Own(outline) => Ok(info::text(&outline.header, &outline.base_digests)),
        What::Other(foreign, header) if as_json => {
            info::foreign_json(foreign, header, entry.has_checksum)
        }
        What::Other(foreign, header) => Ok(info::foreign_text(foreign, header, entry.has_checksum)),
    }
}

fn read(path: &str, is_strict: bool, lacks: &mut Lacks) -> anyhow::Result<Vec<Entry>> {
    let name = || escaped(path);
    // Opening a FIFO would wait for its other end, so the kind is asked first.
    if !std::fs::metadata(path).with_context(name)?.is_file() {
        return Err(flow::Refusal::Usage(format!(
            "{} is no regular file: read it from standard input (lvpatch --info < FILE)",
            name()
        ))
        .into());
    }
    let file = File::open(path).with_context(name)?;
    let checksum = Checksum::beside(Path::new(path), &file)?;
    let has_checksum = checksum.is_some();
    let reader = BufReader::new(Summed::new(&file, checksum));
    let decoder = AnyDecoder::new(reader).with_context(name)?;
    let streams: Vec<_> = match decoder.foreign() {
        Some(_) => {
            let mut again = File::open(path).with_context(name)?;
            // Whatever is wrong with it is said when it is read.
            let is_alone = foreign::virtnbdbackup_is_alone(&mut again).unwrap_or(false);
            others(decoder, path, is_alone, |foreign| {
                lacks.say(path, foreign, has_checksum, is_strict)
            })?
        }
        None => {
            (&file).rewind().with_context(name)?;
            Outline::all(&mut &file).with_context(name)?.into_iter().map(What::Own).collect()
        }
    };
    let several = streams.len() > 1;
    let entry = |(number, what)| {
        let place = if several { format!("{}, stream {}", name(), number + 1) } else { name() };
        let file = Path::new(path);
        let (is_differential, machine) = match &what {
            What::Own(_) => (false, None),
            What::Other(said, _) => {
                (foreign::is_differential(file, said), foreign::machine_of(file, said))
            }
        };
        Entry { place, what, has_checksum, is_differential, machine, breaks: None }
    };
    Ok(streams.into_iter().enumerate().map(entry).collect())
}

/// The streams of another tool in a file. Where one can stand behind another, all is read, if it is not
/// known already that it is alone.
fn others(
    decoder: AnyDecoder<impl io::Read>,
    path: &str,
    is_alone: bool,
    mut say: impl FnMut(&Foreign) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<What>> {
    let (mut found, mut next) = (Vec::new(), Some(decoder));
    while let Some(decoder) = next {
        let Some(foreign) = decoder.foreign().cloned() else { break };
        say(&foreign)?;
        let goes_on = foreign.may_be_followed() && !is_alone;
        found.push(What::Other(foreign, decoder.header().clone()));
        next = match goes_on {
            true => decoder.next_stream().with_context(|| escaped(path))?,
            false => None,
        };
    }
    Ok(found)
}

/// Sorts streams so that each stands behind the one that it follows, if that is there. Those that
/// follow none of them begin a chain, in the order given.
fn in_order(entries: Vec<Entry>) -> Vec<Entry> {
    let follows = |one: &Entry, other: &Entry| one.break_after(other).is_none();
    let mut rest: Vec<Option<Entry>> = entries.into_iter().map(Some).collect();
    let mut sorted: Vec<Entry> = Vec::new();
    while rest.iter().any(Option::is_some) {
        let next = |rest: &[Option<Entry>]| {
            let after = |last: &Entry| {
                // What nothing follows comes last.
                let one = |ends: bool| {
                    let is = |one: &Entry| one.is_differential == ends && follows(one, last);
                    rest.iter().position(|one| one.as_ref().is_some_and(is))
                };
                one(false).or_else(|| one(true))
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

/// A question mark is what another tool's stream does not say.
fn row(entry: &Entry) -> [String; 7] {
    let full = || String::from("- (full)");
    match &entry.what {
        What::Own(Outline { header, .. }) => [
            entry.place.clone(),
            header.base.as_ref().map_or_else(full, |base| escaped(&base.name)),
            escaped(&header.target.name),
            header.target.size.to_string(),
            header.changed_bytes.to_string(),
            header.unmapped_bytes.to_string(),
            time_text(header.created),
        ],
        What::Other(foreign, _) => {
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

/// A stream in a file, as JSON has it.
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
        let what = match &entry.what {
            What::Own(outline) => WhatJson::Own {
                header: Described::new(&outline.header, &outline.base_digests),
                stored_bytes: outline.end - outline.begin,
                stream_digest: blake3::Hash::from_bytes(outline.stream_digest).to_hex().to_string(),
            },
            What::Other(foreign, header) => {
                WhatJson::Other(DescribedForeign::new(foreign, header, entry.has_checksum))
            }
        };
        Self { breaks: entry.breaks.as_deref(), what, stream: &entry.place }
    }
}
