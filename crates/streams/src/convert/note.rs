//! [`Noted`]: what another tool's streams do, found by reading them once.

use std::path::{Path, PathBuf};

use anyhow::Context;
use flow::{Refusal, Session, WayOut, usage};
use foreign::{Foreign, Lacks, Missing, Start};
use hyperlayer::{Header, Records, Volume};

use super::file::{Decoder, open};
use super::options::ConvertOptions;
use super::ranges::{Kind, Range, Ranges};
use crate::settle::{Ends, Settled, settle};

/// What one stream does.
pub(super) struct Noted {
    pub(super) header: Header,
    /// The file it is in, and that file's number.
    pub(super) path: PathBuf,
    pub(super) file: usize,
    /// Its net effect, in records that ascend.
    pub(super) ranges: Vec<Range>,
    /// Whether the stream's own records ascend, too.
    pub(super) ascends: bool,
    /// The size assumed for the base, in bytes, if nothing says how large it was.
    pub(super) assumed_base_size: Option<u64>,
}

/// Reads all files, and notes what their streams do.
pub(super) fn note_all(
    paths: &[PathBuf],
    options: &ConvertOptions,
    session: &Session<'_>,
) -> anyhow::Result<Vec<Noted>> {
    let (mut noted, mut previous, mut lacks) = (Vec::new(), None, Lacks::default());
    for (file, path) in paths.iter().enumerate() {
        let name = || path.display().to_string();
        let (mut begun, has_checksum) = open(path)?;
        loop {
            let Some(foreign) = begun.foreign().cloned() else {
                return Err(usage(format!("{} is a stream of ours already", name())));
            };
            lacks.say(&name(), &foreign, has_checksum, false)?;
            if previous.is_none() && !foreign.base_checksums.is_empty() {
                log::warn!("its base checks are dropped: ours can only be computed from the base");
            }
            let (missing, assumed_base_size) = missing(path, &foreign, previous.as_ref(), options)?;
            let mut decoder = begun.complete(&missing).with_context(name)?;
            let is_differential = foreign::is_differential(path, &foreign);
            let machine = foreign::machine_of(path, &foreign);
            let header = decoder.header().clone();
            let this = Previous { header, foreign, is_differential, machine };
            if let Some(previous) = &previous {
                this.check_follows(previous).map_err(|why| {
                    Refusal::base_mismatch(format!(
                        "{}: a stream does not follow the one before it: {why}",
                        name()
                    ))
                })?;
            }
            let of_stream = note(file, path, &mut decoder, &this, options, session)?;
            noted.push(Noted { assumed_base_size, ..of_stream });
            previous = Some(this);
            match decoder.next_stream().with_context(name)? {
                Some(next) => begun = next,
                None => break,
            }
        }
    }
    Ok(noted)
}

/// Reads one stream, and notes what it does.
fn note(
    file: usize,
    path: &Path,
    decoder: &mut Decoder,
    this: &Previous,
    options: &ConvertOptions,
    session: &Session<'_>,
) -> anyhow::Result<Noted> {
    let ends = ends(&this.header);
    let (mut ranges, mut end, mut ascends) = (Ranges::default(), 0, true);
    if ends.base_size > 0 && ends.base_size < ends.target_size {
        // Nothing is mapped after the base's end. The same is true for a full stream, but there no chunk
        // has a part that a base covers.
        ranges.cover(ends.base_size, ends.target_size, Kind::Discard);
    }
    while let Some(record) = decoder.next_record().with_context(|| path.display().to_string())? {
        session.interrupt.check()?;
        ascends &= record.offset() >= end;
        end = record.offset() + record.length();
        ranges.cover(record.offset(), end, Kind::of(&record));
    }
    let settled = settle(&ranges.into_vec(), ends);
    let header = header(this, &settled, options, session);
    Ok(Noted {
        header,
        path: path.into(),
        file,
        ranges: settled.changes,
        ascends,
        assumed_base_size: None,
    })
}

/// What the stream does not say; and the base's size, if that is a guess.
fn missing(
    path: &Path,
    foreign: &Foreign,
    previous: Option<&Previous>,
    options: &ConvertOptions,
) -> anyhow::Result<(Missing, Option<u64>)> {
    let (base, target) = (options.base.as_deref(), options.volume.as_deref());
    if target.is_none() && foreign.name.is_none() {
        return Err(Refusal::usage(format!("{} names no volume", foreign.format))
            .but(WayOut::NameVolumes)
            .into());
    }
    let Some(size) = foreign.size.or(options.size) else {
        return Err(Refusal::usage(format!("{} does not say a size", foreign.format))
            .but(WayOut::SaySize)
            .into());
    };
    let mut assumed = None;
    let base = match (previous, base, &foreign.starts) {
        (Some(previous), ..) => Some(previous.header.target.clone()),
        (None, None, Start::Unknown | Start::Nothing) => None,
        (None, base, starts) => Some(Volume {
            name: base.unwrap_or("base").into(),
            uuid: String::new(),
            size: match options.base_size.or_else(|| foreign::size_of_base(path, foreign)) {
                Some(size) => size,
                None => {
                    // No guess if the format says no size, so that the user gave it, or if its bases are as
                    // large as its volumes.
                    if *starts != Start::Unknown && !foreign.base_has_its_size {
                        assumed = Some(size);
                    }
                    size
                }
            },
        }),
    };
    let name = target.map(Into::into);
    Ok((Missing { name, base, size: Some(size), chunk_size: None }, assumed))
}

fn header(
    this: &Previous,
    settled: &Settled<Range>,
    options: &ConvertOptions,
    session: &Session<'_>,
) -> Header {
    let Previous { header, .. } = this;
    let mut identity = header.identity.clone();
    if this.is_differential && !identity.disk.is_empty() {
        // Only the file's name says so, and that is not kept. The stream names the next checkpoint, which
        // another stream makes: the next increment must not follow this one.
        identity.checkpoint += ".diff";
    }
    Header {
        identity,
        pairs: [&header.pairs[..], &options.pairs].concat(),
        detect_level: 0,
        extents: settled.extents,
        changed_bytes: settled.changed_bytes,
        unmapped_bytes: settled.unmapped_bytes,
        tool: options.tool.clone(),
        created: (session.clock)(),
        ..header.clone()
    }
}

/// A stream that was noted, and what the next one must follow.
struct Previous {
    header: Header,
    foreign: Foreign,
    is_differential: bool,
    machine: Option<String>,
}

impl Previous {
    /// Checks that it belongs after `previous`.
    fn check_follows(&self, previous: &Self) -> Result<(), String> {
        if previous.is_differential {
            return Err("the previous one is differential, which leads to no checkpoint".into());
        }
        foreign::check_machine(self.machine.as_deref(), previous.machine.as_deref())?;
        self.header.follows(&previous.header, None)?;
        self.foreign.check_date(&previous.foreign)
    }
}

fn ends(header: &Header) -> Ends {
    Ends {
        chunk_size: header.chunk_size,
        base_size: header.base.as_ref().map_or(0, |base| base.size),
        target_size: header.target.size,
    }
}
