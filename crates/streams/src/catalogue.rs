//! [`catalogue`]: what streams in files are, and whether they follow one another.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use crate::link::check_roots;
use anyhow::Context;
use flow::{Refusal, WayOut, escaped};
use foreign::{Checksum, Foreign, Lacks, Start, Summed, Unfinished};
use hyperlayer::{Header, Outline};

/// A stream in a file.
pub struct Entry {
    /// The file, and the stream's number in it where there are several; escaped.
    pub place: String,
    /// What it says of itself.
    pub stream: Stream,
    /// It has a checksum beside it.
    pub has_checksum: bool,
    /// Its file's name says that it is a differential stream of virtnbdbackup's.
    is_differential: bool,
    /// The UUID of the virtual machine that it is of.
    machine: Option<String>,
    /// Why it does not follow the one before it, or why nobody knows; none where it does.
    pub breaks: Option<String>,
}

/// A stream, as far as it can be known without its data.
pub enum Stream {
    /// One of ours.
    Own(Outline),
    /// Another tool's, with the header that ours would be.
    Other(Foreign, Header),
}

impl Entry {
    /// Its header.
    pub fn header(&self) -> &Header {
        match &self.stream {
            Stream::Own(outline) => &outline.header,
            Stream::Other(_, header) => header,
        }
    }

    /// Whether it says what volume it starts from, or that it starts from nothing.
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

    /// Whether it says what volume it leads to.
    fn has_target(&self) -> bool {
        !matches!(&self.stream, Stream::Other(foreign, _) if foreign.uuid.is_empty())
    }

    /// Whether it follows this one; both are ours.
    fn follows(&self, before: &Outline) -> Result<(), String> {
        self.header().follows(&before.header, Some(before.stream_digest))?;
        match &self.stream {
            Stream::Own(outline) => check_roots(before.roots.target, outline.base_root()),
            Stream::Other(..) => Ok(()),
        }
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
        let Stream::Other(foreign, _) = &self.stream else {
            return match &previous.stream {
                Stream::Own(outline) => self.follows(outline),
                Stream::Other(..) => self.header().follows(before, None),
            }
            .err();
        };
        // Its size is that of the volume; its base's is for the stream before to say.
        let follows = || foreign.header_after(before)?.follows(before, None);
        match &previous.stream {
            Stream::Own(_) => follows(),
            Stream::Other(other, _) => {
                foreign::check_machine(self.machine.as_deref(), previous.machine.as_deref())
                    .and_then(|()| follows())
                    .and_then(|()| foreign.check_date(other))
            }
        }
        .err()
    }
}

/// What the streams in `paths` are, in the order in which they follow one another. Of a folder of
/// virtnbdbackup's all streams are listed, or those of one `disk`. With `is_strict`, a stream whose format
/// cannot promise all that ours does is refused.
///
/// # Errors
/// Where a file cannot be read, or holds no streams that are known.
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
        return Err(Refusal::usage(
            "a disk is chosen in a folder of virtnbdbackup's, and there is none",
        )
        .but(WayOut::NameFolder)
        .into());
    }
    let mut entries = in_order(entries);
    for number in 1..entries.len() {
        entries[number].breaks = entries[number].break_after(&entries[number - 1]);
    }
    Ok(entries)
}

fn read(path: &Path, is_strict: bool, lacks: &mut Lacks) -> anyhow::Result<Vec<Entry>> {
    let name = || escaped(&path.display().to_string());
    // Opening a FIFO would wait for its other end, so the kind is asked first.
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
            // Whatever is wrong with it is said when it is read.
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
        Entry { place, stream, has_checksum, is_differential, machine, breaks: None }
    };
    Ok(streams.into_iter().enumerate().map(entry).collect())
}

/// The streams of another tool in a file. Where one can follow another, all is read, if it is not
/// known already that it is alone.
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

/// Sorts streams so that each comes after the one that it follows, if that is there. Those that
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
