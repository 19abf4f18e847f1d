//! `--convert`: a stream of another tool → ours, with checksums.
//!
//! The file is read twice: the first time all of it is verified, as far as its format allows, and
//! what it changes is noted; the second time it is written. Records that do not ascend go through a
//! sparse file.

mod ranges;

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use blockio::folder_of;
use flow::{Output, Session, human};
use foreign::{AnyDecoder, Checksum, Foreign, Lacks, Missing, Start, Summed, Unfinished};
use hyperlayer::{Encoder, Header, MAX_RECORD, Packer, Record, Records, Totals, Volume};

use self::ranges::{Kind, Range, Ranges};
use crate::cli::Args;
use crate::plan::{StreamOptions, usage};
use crate::settle::{Ends, Settled, settle};
use crate::sink::Sink;

type Reader = BufReader<Summed<File>>;
type Decoder = AnyDecoder<Reader>;

/// What one stream does.
struct Noted {
    header: Header,
    /// The file that it is in, and that file's number.
    path: PathBuf,
    file: usize,
    /// What it does in the end, in records that ascend.
    ranges: Vec<Range>,
    /// The stream's own records do so too.
    ascends: bool,
}

/// Converts what the arguments name.
pub(crate) fn run(
    args: &Args,
    options: &StreamOptions,
    session: &Session<'_>,
) -> anyhow::Result<()> {
    let interrupt = session.interrupt;
    // What is redirected from a file can be read twice like that file.
    let input = args.input.iter().map(|path| match cli::is_standard(path) {
        true => PathBuf::from("/dev/stdin"),
        false => path.clone(),
    });
    let paths = foreign::expand(&input.collect::<Vec<_>>(), args.disk.as_deref())?;
    let conversion = Conversion { args, options, session };
    let noted = conversion.note_all(&paths)?;
    let writing = || match &options.output {
        Some(path) => format!("writing {}", path.display()),
        None => "writing to standard output".into(),
    };
    let sink = Sink::open(options.output.as_deref(), interrupt)?;
    let writer = sink.writer().with_context(writing)?;
    flow::widen_pipe(&writer);
    let output = Output::new(writer, options.writing, interrupt).with_context(writing)?;
    let output = conversion.write(&noted, output)?;
    let (writer, written) = output.finish().with_context(writing)?;
    sink.keep(writer)?;
    if args.quiet {
        return Ok(());
    }
    let mut stderr = io::stderr();
    let changed = noted.iter().map(|noted| noted.header.changed_bytes).sum::<u64>();
    let unmapped = noted.iter().map(|noted| noted.header.unmapped_bytes).sum::<u64>();
    // The stream is there, whether anybody can be told or not.
    _ = writeln!(
        stderr,
        "lvdiff: {} converted: {} changed, {} unmapped; {} bytes written in {:.1} s",
        paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "),
        human(changed),
        human(unmapped),
        written.bytes,
        session.begun.elapsed().as_secs_f64()
    );
    if let Some(sha1) = &written.sha1 {
        _ = writeln!(stderr, "SHA1: {sha1}");
    }
    Ok(())
}

struct Conversion<'a> {
    args: &'a Args,
    options: &'a StreamOptions,
    session: &'a Session<'a>,
}

impl Conversion<'_> {
    /// Reads all of it, and notes what it does.
    fn note_all(&self, paths: &[PathBuf]) -> anyhow::Result<Vec<Noted>> {
        let (mut noted, mut previous, mut lacks) = (Vec::new(), None, Lacks::default());
        for (file, path) in paths.iter().enumerate() {
            let name = || path.display().to_string();
            let (mut begun, has_checksum) = open(path)?;
            loop {
                let Some(foreign) = begun.foreign().cloned() else {
                    return Err(usage(format!("{} is a stream of lvdiff's already", name())));
                };
                lacks.say(&name(), &foreign, has_checksum, false)?;
                if previous.is_none() && !foreign.base_checksums.is_empty() {
                    log::warn!("its base checks are left out: ours are made of the base");
                }
                let missing = self.missing(path, &foreign, previous.as_ref())?;
                let mut decoder = begun.complete(&missing).with_context(name)?;
                let is_differential = foreign::is_differential(path, &foreign);
                let machine = foreign::machine_of(path, &foreign);
                let header = decoder.header().clone();
                let this = Previous { header, foreign, is_differential, machine };
                if let Some(previous) = &previous {
                    this.check_follows(previous).map_err(|why| {
                        flow::Refusal::BaseMismatch(format!(
                            "{}: a stream does not follow the one before it: {why}",
                            name()
                        ))
                    })?;
                }
                noted.push(self.note(file, path, &mut decoder, &this)?);
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
        &self,
        file: usize,
        path: &Path,
        decoder: &mut Decoder,
        this: &Previous,
    ) -> anyhow::Result<Noted> {
        let ends = ends(&this.header);
        let (mut ranges, mut end, mut ascends) = (Ranges::default(), 0, true);
        if ends.base_size > 0 && ends.base_size < ends.target_size {
            // Behind the base's end nothing is mapped. Nor is it in a full stream, but there
            // no chunk has a part that a base holds.
            ranges.cover(ends.base_size, ends.target_size, Kind::Discard);
        }
        while let Some(record) =
            decoder.next_record().with_context(|| path.display().to_string())?
        {
            self.session.interrupt.check()?;
            ascends &= record.offset() >= end;
            end = record.offset() + record.length();
            ranges.cover(record.offset(), end, Kind::of(&record));
        }
        let settled = settle(&ranges.into_vec(), ends);
        let header = self.header(this, &settled);
        Ok(Noted { header, path: path.into(), file, ranges: settled.changes, ascends })
    }

    /// What the stream does not say.
    fn missing(
        &self,
        path: &Path,
        foreign: &Foreign,
        previous: Option<&Previous>,
    ) -> anyhow::Result<Missing> {
        let file = || path.display().to_string();
        let (base, target) = self.args.names();
        if target.is_none() && foreign.name.is_none() {
            return Err(usage(format!(
                "{} names no volume: add BASE VOLUME for a diff, VOLUME for a full stream",
                foreign.format
            )));
        }
        let Some(size) = foreign.size.or(self.args.size) else {
            return Err(usage(format!("{} does not say a size: add --size", foreign.format)));
        };
        let base = match (previous, base, &foreign.starts) {
            (Some(previous), ..) => Some(previous.header.target.clone()),
            (None, None, Start::Unknown | Start::Nothing) => None,
            (None, base, starts) => Some(Volume {
                name: base.unwrap_or("base").into(),
                uuid: String::new(),
                size: match self.args.base_size.or_else(|| foreign::size_of_base(path, foreign)) {
                    Some(size) => size,
                    None => {
                        // Of a format that says a size, and of one that is as large as its base.
                        if *starts != Start::Unknown && !foreign.base_has_its_size {
                            log::warn!(
                                "{}: the base is taken to have {size} bytes, as the volume: give \
                                 --base-size where it grew",
                                file()
                            );
                        }
                        size
                    }
                },
            }),
        };
        let name = target.map(Into::into);
        Ok(Missing { name, base, size: Some(size), chunk_size: None })
    }

    fn header(&self, this: &Previous, settled: &Settled<Range>) -> Header {
        let Previous { header, foreign, .. } = this;
        let with_disk =
            |volume: &Volume| Volume { uuid: foreign.with_disk(&volume.uuid), ..volume.clone() };
        let mut target = with_disk(&header.target);
        if this.is_differential {
            // Only the file's name says so, and it is not kept: the next increment must not follow.
            target.uuid = foreign.differential_with_disk(&header.target.uuid);
        }
        Header {
            target,
            base: header.base.as_ref().map(with_disk),
            pairs: [&header.pairs[..], &self.options.pairs].concat(),
            detect_level: 0,
            extents: settled.extents,
            changed_bytes: settled.changed_bytes,
            unmapped_bytes: settled.unmapped_bytes,
            tool: concat!("lvdiff ", env!("CARGO_PKG_VERSION")).into(),
            created: (self.session.clock)(),
            ..header.clone()
        }
    }

    /// Reads it once more, and writes what was noted.
    fn write<W: Write>(&self, noted: &[Noted], mut output: W) -> anyhow::Result<W> {
        let bytes = noted.iter().map(|noted| noted.header.changed_bytes).sum();
        let progress = self.session.progress.begin("lvdiff", bytes);
        let mut packer = Packer::new(self.options.detail.level)?;
        let mut next: Option<(usize, Option<Unfinished<Reader>>)> = None;
        for noted in noted {
            let path = noted.path.as_path();
            let begun = match next.take() {
                Some((file, begun)) if file == noted.file => {
                    begun.context("the file became shorter while it was read")?
                }
                _ => open(path)?.0,
            };
            let format = begun.foreign().context("the file changed")?.format;
            // The sizes are known by now; names are not needed for the records.
            let size = Some(noted.header.target.size);
            let missing = Missing { size, base: noted.header.base.clone(), ..Missing::default() };
            let mut decoder = begun.complete(&missing).context(format)?;
            let mut encoder = Encoder::new(output, &noted.header, &[]).context("writing")?;
            let mut put = |record: Record<'_>| {
                self.session.interrupt.check()?;
                if let Record::Data { offset, bytes } = record {
                    let packed = packer.pack(bytes)?;
                    encoder.packed_data(offset, bytes, &packed).context("writing")?;
                    packer.take_back(packed);
                    progress.add(bytes.len() as u64);
                    return anyhow::Ok(());
                }
                encoder.record(record).context("writing")
            };
            match noted.ascends {
                true => self.copy(noted, &mut decoder, &mut put)?,
                false => self.sort(noted, &mut decoder, &mut put)?,
            }
            let totals: Totals;
            (output, totals) = encoder.finish().context("writing")?;
            log::debug!("{} records written", totals.data_records);
            let following = decoder.next_stream().with_context(|| path.display().to_string())?;
            next = Some((noted.file, following));
        }
        Ok(output)
    }

    /// Takes the data as it comes, and the rest as it was noted.
    fn copy(
        &self,
        noted: &Noted,
        decoder: &mut Decoder,
        put: &mut impl FnMut(Record<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut rest = noted.ranges.iter().filter_map(Range::without_data).peekable();
        while let Some(record) =
            decoder.next_record().with_context(|| noted.path.display().to_string())?
        {
            self.session.interrupt.check()?;
            if !matches!(record, Record::Data { .. }) {
                continue;
            }
            while let Some(before) = rest.next_if(|other| other.offset() < record.offset()) {
                put(before)?;
            }
            put(record)?;
        }
        rest.try_for_each(put)
    }

    /// Brings records in order: their data lies in a sparse file meanwhile.
    fn sort(
        &self,
        noted: &Noted,
        decoder: &mut Decoder,
        put: &mut impl FnMut(Record<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let folder = self.options.output.as_deref().map_or(Path::new("."), folder_of);
        let aside =
            tempfile::tempfile_in(folder).context("a file for records that do not ascend")?;
        while let Some(record) =
            decoder.next_record().with_context(|| noted.path.display().to_string())?
        {
            self.session.interrupt.check()?;
            if let Record::Data { offset, bytes } = record {
                aside.write_all_at(bytes, offset).context("keeping records to sort them")?;
            }
        }
        let mut buf = vec![0; MAX_RECORD];
        for range in &noted.ranges {
            if let Some(record) = range.without_data() {
                put(record)?;
                continue;
            }
            let (mut offset, end) = (range.begin, range.end);
            while offset < end {
                let piece = &mut buf[..(end - offset).min(MAX_RECORD as u64) as usize];
                aside.read_exact_at(piece, offset).context("reading sorted records")?;
                put(Record::Data { offset, bytes: piece })?;
                offset += piece.len() as u64;
            }
        }
        Ok(())
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
    /// Whether it belongs behind `previous`.
    fn check_follows(&self, previous: &Self) -> Result<(), String> {
        if previous.is_differential {
            return Err("that is a differential one, which leads to no checkpoint".into());
        }
        self.foreign.check_disk(&previous.foreign)?;
        foreign::check_machine(self.machine.as_deref(), previous.machine.as_deref())?;
        self.header.follows(&previous.header)?;
        self.foreign.check_date(&previous.foreign)
    }
}

/// Opens a file; also says whether it has a checksum beside it.
fn open(path: &Path) -> anyhow::Result<(Unfinished<Reader>, bool)> {
    let name = || path.display().to_string();
    // Opening a FIFO would wait for its other end, so the kind is asked first.
    if !std::fs::metadata(path).with_context(name)?.is_file() {
        return Err(usage(format!(
            "{} is not a regular file: what is converted is read twice",
            name()
        )));
    }
    let file = File::open(path).with_context(name)?;
    let checksum = Checksum::beside(path, &file)?;
    let has_checksum = checksum.is_some();
    let reader = BufReader::with_capacity(MAX_RECORD, Summed::new(file, checksum));
    Ok((Unfinished::begin(reader).with_context(name)?, has_checksum))
}

fn ends(header: &Header) -> Ends {
    Ends {
        chunk_size: header.chunk_size,
        base_size: header.base.as_ref().map_or(0, |base| base.size),
        target_size: header.target.size,
    }
}
