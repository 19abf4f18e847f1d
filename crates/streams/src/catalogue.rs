//! [`catalogue`]: what streams in files are, and whether they follow one another.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use crate::link::follows;
use anyhow::Context;
use flow::{Refusal, WayOut, escaped};
use foreign::{Checksum, Foreign, Lacks, Start, Summed, Unfinished};
use hyperlayer::{Header, Outline};

/// A stream in a file.
pub struct Entry {
    /// The file, and the stream's number in it if there are several; escaped.
    pub place: String,
    /// What it says about itself.
    pub stream: Stream,
    /// It has a checksum next to it.
    pub has_checksum: bool,
    /// Its file name says that it is a differential stream by virtnbdbackup.
    is_differential: bool,
    /// The UUID of the virtual machine it belongs to.
    machine: Option<String>,
    /// Why it does not follow the one before it, or why that is unknown; `None` if it does.
    pub breaks: Option<String>,
    /// It says itself that it follows none of the others.
    pub is_broken: bool,
}

/// A stream, as far as it is known without reading its data.
pub enum Stream {
    /// One of ours.
    Own(Outline),
    /// Another tool's, with its header converted to ours.
    Other(Foreign, Header),
}

impl Entry {
    /// How many bytes of the file it takes, if that is known without reading it.
    pub fn stored_bytes(&self) -> Option<u64> {
        match &self.stream {
            Stream::Own(outline) => Some(outline.end.saturating_sub(outline.begin)),
            Stream::Other(..) => None,
        }
    }

    /// Its header.
    pub fn header(&self) -> &Header {
        match &self.stream {
            Stream::Own(outline) => &outline.header,
            Stream::Other(_, header) => header,
        }
    }

    /// Whether it names the volume it starts from, or says that it starts from nothing.
    fn has_base(&self) -> bool {
        match &self.stream {
            Stream::Own(_) => true,
            Stream::Other(foreign, _) => match &foreign.starts {
                Start::Nothing => true,
                Start::Base { uuid } => !uuid.is_empty(),
                Start::Unknown => false,
            },
        }
    }

    /// Whether it starts from nothing.
    fn is_full(&self) -> bool {
        match &self.stream {
            Stream::Own(outline) => outline.header.base.is_none(),
            Stream::Other(foreign, _) => matches!(foreign.starts, Start::Nothing),
        }
    }

    /// Whether it names the volume it leads to.
    fn has_target(&self) -> bool {
        !matches!(&self.stream, Stream::Other(foreign, _) if foreign.uuid.is_empty())
    }

    /// Why it cannot be applied to the result of `previous`, or why that is unknown.
    fn break_after(&self, previous: &Self) -> Option<String> {
        if self.is_full() {
            return Some("it is a full stream".into());
        }
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
        let foreign = match (&self.stream, &previous.stream) {
            (Stream::Own(outline), Stream::Own(before)) => return follows(outline, before).err(),
            (Stream::Own(_), Stream::Other(..)) => {
                return self.header().follows(before, None).err();
            }
            (Stream::Other(foreign, _), _) => foreign,
        };
        // Its size is the volume's; the base's size comes from the previous stream.
        let fits = || foreign.header_after(before)?.follows(before, None);
        match &previous.stream {
            Stream::Own(_) => fits(),
            Stream::Other(other, _) => {
                foreign::check_machine(self.machine.as_deref(), previous.machine.as_deref())
                    .and_then(|()| fits())
                    .and_then(|()| foreign.check_date(other))
            }
        }
        .err()
    }
}

/// Lists the streams in `paths`, in the order in which they follow one another. For a virtnbdbackup
/// folder, lists all streams, or only those of `disk`. With `is_strict`, refuses a stream whose format
/// guarantees less than ours.
///
/// # Errors
/// If a file cannot be read, or holds no known streams.
pub fn catalogue(
    paths: &[PathBuf],
    disk: Option<&str>,
    is_strict: bool,
) -> anyhow::Result<Vec<Entry>> {
    let (mut entries, mut lacks) = (Vec::new(), Lacks::default());
    let mut has_folder = false;
    for path in paths {
        if path.is_dir() {
            has_folder = true;
            for path in foreign::all_streams(path, disk)? {
                entries.extend(read(&path, is_strict, &mut lacks)?);
            }
            continue;
        }
        entries.extend(read(path, is_strict, &mut lacks)?);
    }
    if disk.is_some() && !has_folder {
        return Err(Refusal::usage("a disk is chosen, but no virtnbdbackup folder is named")
            .but(WayOut::NameFolder)
            .into());
    }
    let mut entries = in_order(entries);
    for number in 1..entries.len() {
        // A full stream begins another chain.
        if !entries[number].is_full() {
            let (entry, before) = (&entries[number], &entries[number - 1]);
            let breaks = entry.break_after(before);
            // One that follows another than the last is a branch.
            let is_branch = || entries.iter().any(|other| entry.break_after(other).is_none());
            let is_known = entry.has_base() && before.has_target();
            let is_broken = breaks.is_some() && is_known && !is_branch();
            (entries[number].breaks, entries[number].is_broken) = (breaks, is_broken);
        }
    }
    Ok(entries)
}

fn read(path: &Path, is_strict: bool, lacks: &mut Lacks) -> anyhow::Result<Vec<Entry>> {
    let name = || escaped(&path.display().to_string());
    // Opening a FIFO would wait for its other end, so check the file type first.
    if !std::fs::metadata(path).with_context(name)?.is_file() {
        return Err(Refusal::usage(format!("{} is no regular file", name()))
            .but(WayOut::ReadStandardInput)
            .into());
    }
    let file = File::open(path).with_context(name)?;
    let checksum = Checksum::beside(path, &file)?;
    let has_checksum = checksum.is_some();
    let reader = BufReader::new(Summed::new(&file, checksum));
    let begun = Unfinished::begin(reader).with_context(name)?;
    let streams: Vec<_> = match begun.foreign() {
        Some(_) => {
            let mut again = File::open(path).with_context(name)?;
            // Any problem with it is reported when it is read.
            let is_alone = foreign::virtnbdbackup_is_alone(&mut again).unwrap_or(false);
            let said = path.display().to_string();
            others(begun, &name(), is_alone, |foreign| {
                lacks.say(&said, foreign, has_checksum, is_strict)
            })?
        }
        None => {
            (&file).rewind().with_context(name)?;
            Outline::all(&mut &file).with_context(name)?.into_iter().map(Stream::Own).collect()
        }
    };
    let several = streams.len() > 1;
    let entry = |(number, stream)| {
        let place = if several { format!("{}, stream {}", name(), number + 1) } else { name() };
        let (is_differential, machine) = match &stream {
            Stream::Own(_) => (false, None),
            Stream::Other(said, _) => {
                (foreign::is_differential(path, said), foreign::machine_of(path, said))
            }
        };
        Entry {
            place,
            stream,
            has_checksum,
            is_differential,
            machine,
            breaks: None,
            is_broken: false,
        }
    };
    Ok(streams.into_iter().enumerate().map(entry).collect())
}

/// The streams of another tool in a file. If its format allows several, the whole file is read, unless
/// it is already known to hold only one.
fn others(
    begun: Unfinished<impl Read>,
    name: &str,
    is_alone: bool,
    mut say: impl FnMut(&Foreign) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<Stream>> {
    let (mut found, mut next) = (Vec::new(), Some(begun));
    while let Some(begun) = next {
        let Some(foreign) = begun.foreign().cloned() else { break };
        say(&foreign)?;
        let goes_on = foreign.may_be_followed() && !is_alone;
        found.push(Stream::Other(foreign, begun.header().clone()));
        next = match goes_on {
            true => begun.skip().with_context(|| name.to_owned())?,
            false => None,
        };
    }
    Ok(found)
}

/// Sorts streams so that each comes after the one it follows, if present. Those that
/// follow none of the others begin a chain, in the order given.
fn in_order(entries: Vec<Entry>) -> Vec<Entry> {
    let follows = |one: &Entry, other: &Entry| one.break_after(other).is_none();
    let mut rest: Vec<Option<Entry>> = entries.into_iter().map(Some).collect();
    let mut sorted: Vec<Entry> = Vec::new();
    while rest.iter().any(Option::is_some) {
        let next = |rest: &[Option<Entry>]| {
            let after = |last: &Entry| {
                // A stream that nothing follows comes last.
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
