//! `--convert`: a stream of another tool → ours, with checksums.
//!
//! The file is read twice: the first time all of it is verified, as far as its format allows, and
//! what it changes is noted; the second time it is written. Records that do not ascend go through a
//! sparse file.

mod ranges;

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use blockio::folder_of;
use cli::{Interrupt, Output, Progress, human};
use hyperlayer::{
    AnyDecoder, Encoder, Foreign, Header, MAX_RECORD, Missing, Packer, Record, Records, Start,
    Totals, Volume,
};

use self::ranges::{Kind, Range, Ranges};
use crate::cli::Args;
use crate::diff::now;
use crate::plan::{StreamOptions, usage};
use crate::settle::{Ends, Settled, settle};
use crate::sink::Sink;

type Decoder = AnyDecoder<BufReader<File>>;

/// What one stream does.
struct Noted {
    header: Header,
    /// What it does in the end, in records that ascend.
    ranges: Vec<Range>,
    /// The stream's own records do so too.
    ascends: bool,
}

/// Converts what the arguments name.
pub(crate) fn run(
    args: &Args,
    options: &StreamOptions,
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    let begun = Instant::now();
    let path = args.input.as_deref().ok_or_else(|| usage("--convert needs a file: -i FILE"))?;
    // What is redirected from a file can be read twice like that file.
    let path = if cli::is_standard(path) { Path::new("/dev/stdin") } else { path };
    let conversion = Conversion { args, path, options, interrupt };
    let noted = conversion.note()?;
    let writing = || match &options.output {
        Some(path) => format!("writing {}", path.display()),
        None => "writing to standard output".into(),
    };
    let sink = Sink::open(options.output.as_deref(), interrupt)?;
    let writer = sink.writer().with_context(writing)?;
    cli::widen_pipe(&writer);
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
        path.display(),
        human(changed),
        human(unmapped),
        written.bytes,
        begun.elapsed().as_secs_f64()
    );
    if let Some(sha1) = &written.sha1 {
        _ = writeln!(stderr, "SHA1: {sha1}");
    }
    Ok(())
}

struct Conversion<'a> {
    args: &'a Args,
    path: &'a Path,
    options: &'a StreamOptions,
    interrupt: &'a Interrupt,
}

impl Conversion<'_> {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn open(&self) -> anyhow::Result<Decoder> {
        // Opening a FIFO would wait for its other end, so the kind is asked first.
        if !std::fs::metadata(self.path).with_context(|| self.name())?.is_file() {
            return Err(usage(format!(
                "{} is not a regular file: what is converted is read twice",
                self.name()
            )));
        }
        let file = File::open(self.path).with_context(|| self.name())?;
        let reader = BufReader::with_capacity(MAX_RECORD, file);
        AnyDecoder::new(reader).with_context(|| self.name())
    }

    /// Reads all of it, and notes what it does.
    fn note(&self) -> anyhow::Result<Vec<Noted>> {
        let mut noted: Vec<Noted> = Vec::new();
        let mut next = Some(self.open()?);
        while let Some(mut decoder) = next {
            let previous = noted.last().map(|noted| &noted.header);
            let Some(foreign) = decoder.foreign().cloned() else {
                return Err(usage(format!("{} is a stream of lvdiff's already", self.name())));
            };
            if previous.is_none() {
                self.say_what_it_lacks(&foreign);
            }
            self.complete(&mut decoder, &foreign, previous)?;
            if let Some(previous) = previous {
                decoder.header().follows(previous).map_err(|why| {
                    cli::Refusal::BaseMismatch(format!(
                        "{}: a stream does not follow the one before it: {why}",
                        self.name()
                    ))
                })?;
            }
            let ends = ends(decoder.header());
            let (mut ranges, mut end, mut ascends) = (Ranges::default(), 0, true);
            if ends.base_size > 0 && ends.base_size < ends.target_size {
                // Behind the base's end nothing is mapped. Nor is it in a full stream, but there
                // no chunk has a part that a base holds.
                ranges.cover(ends.base_size, ends.target_size, Kind::Discard);
            }
            while let Some(record) = decoder.next_record().with_context(|| self.name())? {
                self.interrupt.check()?;
                ascends &= record.offset() >= end;
                end = record.offset() + record.length();
                ranges.cover(record.offset(), end, Kind::of(&record));
            }
            let settled = settle(&ranges.into_vec(), ends);
            let header = self.header(decoder.header(), &settled);
            noted.push(Noted { header, ranges: settled.changes, ascends });
            next = decoder.next_stream().with_context(|| self.name())?;
        }
        Ok(noted)
    }

    fn say_what_it_lacks(&self, foreign: &Foreign) {
        if !foreign.lacks.is_empty() {
            let (format, lacks) = (foreign.format, foreign.lacks.join(", "));
            log::warn!("{}: a stream of {format}: {lacks}", self.name());
        }
        if !foreign.base_checksums.is_empty() {
            log::warn!("its base checks are left out: ours are made of the base");
        }
    }

    /// Fills in what the stream does not say.
    fn complete(
        &self,
        decoder: &mut Decoder,
        foreign: &Foreign,
        previous: Option<&Header>,
    ) -> anyhow::Result<()> {
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
            (Some(previous), ..) => Some(previous.target.clone()),
            (None, None, Start::Unknown | Start::Nothing) => None,
            (None, base, _) => Some(Volume {
                name: base.unwrap_or("base").into(),
                uuid: String::new(),
                size: self.args.base_size.unwrap_or(size),
            }),
        };
        let name = target.map(Into::into);
        let missing = Missing { name, base, size: Some(size), chunk_size: None };
        decoder.complete(&missing).with_context(|| self.name())
    }

    fn header(&self, header: &Header, settled: &Settled<Range>) -> Header {
        Header {
            pairs: [&header.pairs[..], &self.options.pairs].concat(),
            detect_level: 0,
            extents: settled.extents,
            changed_bytes: settled.changed_bytes,
            unmapped_bytes: settled.unmapped_bytes,
            tool: concat!("lvdiff ", env!("CARGO_PKG_VERSION")).into(),
            created: now(),
            ..header.clone()
        }
    }

    /// Reads it once more, and writes what was noted.
    fn write<W: Write>(&self, noted: &[Noted], mut output: W) -> anyhow::Result<W> {
        let bytes = noted.iter().map(|noted| noted.header.changed_bytes).sum();
        let progress = Progress::new("lvdiff", bytes, self.args.quiet);
        let mut packer = Packer::new(self.options.detail.level)?;
        let mut next = Some(self.open()?);
        for noted in noted {
            let decoder = next.take().context("the file became shorter while it was read")?;
            let mut decoder = decoder;
            let foreign = decoder.foreign().cloned().context("the file changed")?;
            // The sizes are known by now; names are not needed for the records.
            let size = Some(noted.header.target.size);
            let missing = Missing { size, base: noted.header.base.clone(), ..Missing::default() };
            decoder.complete(&missing).with_context(|| foreign.format)?;
            let mut encoder = Encoder::new(output, &noted.header, &[]).context("writing")?;
            let mut put = |record: Record<'_>| {
                self.interrupt.check()?;
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
            next = decoder.next_stream().with_context(|| self.name())?;
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
        while let Some(record) = decoder.next_record().with_context(|| self.name())? {
            self.interrupt.check()?;
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
        while let Some(record) = decoder.next_record().with_context(|| self.name())? {
            self.interrupt.check()?;
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

fn ends(header: &Header) -> Ends {
    Ends {
        chunk_size: header.chunk_size,
        base_size: header.base.as_ref().map_or(0, |base| base.size),
        target_size: header.target.size,
    }
}
