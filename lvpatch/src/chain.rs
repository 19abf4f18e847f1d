//! [`Chain`]: the streams of the input, one after another.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek, SeekFrom};
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use anyhow::Context;
use cli::is_standard;
use flow::{Input, Interrupt, Refusal, escaped};
use foreign::{AnyDecoder, Checksum, Foreign, Lacks, Missing, Summed};
use hyperlayer::{Error, Header, Outline, Records};

use crate::cli::Args;
use crate::missing;
use crate::until::{Clock, Until};

/// Where streams come from: standard input, or files.
pub(crate) struct Sources {
    files: Vec<Source>,
}

/// Something that streams come from.
struct Source {
    name: String,
    file: File,
    /// What must come of its bytes.
    checksum: Option<Checksum>,
    /// Where it lies: its name and its neighbours say more of a stream of virtnbdbackup's.
    path: Option<PathBuf>,
}

impl Source {
    fn new(name: String, file: File) -> Self {
        Self { name, file, checksum: None, path: None }
    }

    /// The same once more, at the same place.
    fn again(&self) -> io::Result<Self> {
        let (name, checksum, path) = (self.name.clone(), self.checksum.clone(), self.path.clone());
        Ok(Self { name, file: again(&self.file)?, checksum, path })
    }

    fn reader(self) -> impl Read + Send + 'static {
        Summed::new(self.file, self.checksum)
    }
}

impl Sources {
    /// Opens what the arguments name.
    pub(crate) fn open(args: &Args, interrupt: &Interrupt) -> anyhow::Result<Self> {
        let mut files = Vec::new();
        for path in &foreign::expand(&args.input, args.disk.as_deref())? {
            if is_standard(path) {
                files.push(standard_input()?);
                continue;
            }
            let name = path.display().to_string();
            let file = flow::open(File::options().read(true), path, interrupt)
                .with_context(|| name.clone())?;
            let checksum = Checksum::beside(path, &file)?;
            files.push(Source { name, file, checksum, path: Some(path.clone()) });
        }
        if files.is_empty() {
            files.push(standard_input()?);
        }
        Ok(Self { files })
    }

    /// Whether all of it can be read twice.
    pub(crate) fn are_files(&self) -> anyhow::Result<bool> {
        for Source { name, file, .. } in &self.files {
            if !file.metadata().with_context(|| name.clone())?.is_file() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// All of it once more, where it consists of files.
    fn again(&self) -> anyhow::Result<Vec<Source>> {
        let files = self.files.iter().map(Source::again).collect::<io::Result<_>>();
        files.context("opening the input a second time")
    }

    /// The same, as files with their names.
    pub(crate) fn files_again(&self) -> anyhow::Result<Vec<(String, File)>> {
        Ok(self.again()?.into_iter().map(|source| (source.name, source.file)).collect())
    }

    /// The last stream's header, where that can be known beforehand: in files.
    pub(crate) fn last_header(&self) -> anyhow::Result<Option<Header>> {
        let Some(Source { name, file, .. }) = self.files.last() else { return Ok(None) };
        if !self.are_files()? {
            return Ok(None);
        }
        let mut file = again(file).with_context(|| name.clone())?;
        // Whatever is wrong with it is said when its turn comes.
        let outlines = Outline::all(&mut file).unwrap_or_default();
        Ok(outlines.into_iter().last().map(|outline| outline.header))
    }

    /// Reads and verifies everything up to `until`, and asks `accept` of each stream, with the number
    /// of streams before it; nothing has been read of it afterwards. With --backup, records must
    /// ascend also where the format lets them come in any order. With --partial, damage ends it.
    pub(crate) fn verify(
        &self,
        args: &Args,
        until: Option<&Until>,
        interrupt: &Interrupt,
        accept: impl Fn(usize, &Link) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut chain = Chain::new(Self { files: self.again()? }, args, until, interrupt);
        chain.is_silent = true;
        let mut next = Some(chain.first()?);
        let mut count = 0;
        while let Some(mut link) = next {
            accept(count, &link)?;
            count += 1;
            if args.backup.is_some() && !link.decoder.ascend() {
                link.check_order()?;
            }
            next = match chain.next(link) {
                // What is sound of it is applied all the same: it leads back so far.
                Err(error) if args.partial && error.is::<Error>() => return Ok(()),
                next => next?,
            };
        }
        Ok(())
    }
}

fn standard_input() -> anyhow::Result<Source> {
    let why = match cli::standard_input().context("standard input")? {
        None => ", which is closed",
        Some(file) if file.is_terminal() => "",
        Some(file) => return Ok(Source::new("standard input".into(), file)),
    };
    Err(Refusal::Usage(format!(
        "a stream is expected on standard input{why}: redirect a file (lvpatch … < FILE), name one \
         (-i FILE), or pipe one (lvdiff … | lvpatch …)"
    ))
    .into())
}

/// A file once more, at the same place. Opened anew: what reads ahead would go on moving a place
/// that both share.
fn again(file: &File) -> io::Result<File> {
    let mut place = file;
    let mut again = File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    again.seek(SeekFrom::Start(place.stream_position()?))?;
    Ok(again)
}

/// The streams of all sources, in order, each of which must follow the one before.
pub(crate) struct Chain<'a> {
    sources: std::vec::IntoIter<Source>,
    /// The source that is being read, and the number of its stream.
    source: String,
    number: usize,
    has_checksum: bool,
    path: Option<PathBuf>,
    /// What has been said of formats.
    lacks: Lacks,
    /// The clock that streams were compared with --until by.
    clock: Option<(Clock, String)>,
    args: &'a Args,
    until: Option<&'a Until>,
    interrupt: &'a Interrupt,
    /// What formats cannot promise has been said already.
    is_silent: bool,
}

/// One stream of a chain.
pub(crate) struct Link {
    /// For messages: where it comes from.
    pub(crate) name: String,
    pub(crate) decoder: AnyDecoder<Input>,
    /// It has a checksum beside it.
    pub(crate) has_checksum: bool,
    /// Nothing follows it, whatever it says.
    is_differential: bool,
    /// The UUID of the virtual machine that it is of.
    machine: Option<String>,
}

/// What is known of a stream once it has been read.
struct Previous {
    name: String,
    header: Header,
    foreign: Option<Foreign>,
    is_differential: bool,
    machine: Option<String>,
}

impl Link {
    /// Its header.
    pub(crate) fn header(&self) -> &Header {
        self.decoder.header()
    }

    /// Whether the stream or the arguments name the volume that it makes.
    pub(crate) fn is_named(&self, args: &Args) -> bool {
        args.new_name().is_some()
            || self.decoder.foreign().is_none_or(|foreign| foreign.name.is_some())
    }

    /// Whether the header says how much is written at the most.
    pub(crate) fn announces(&self) -> bool {
        self.decoder.foreign().is_none_or(|foreign| foreign.changed.is_some())
    }

    /// Reads all records, which must ascend.
    fn check_order(&mut self) -> anyhow::Result<()> {
        let mut end = 0;
        while let Some(record) = self.decoder.next_record().with_context(|| self.name.clone())? {
            if record.offset() < end {
                return Err(Refusal::Usage(format!(
                    "{}: its records do not ascend: for such a stream there is no --backup",
                    self.name
                ))
                .into());
            }
            end = record.offset() + record.length();
        }
        Ok(())
    }
}

impl<'a> Chain<'a> {
    pub(crate) fn new(
        sources: Sources,
        args: &'a Args,
        until: Option<&'a Until>,
        interrupt: &'a Interrupt,
    ) -> Self {
        Self {
            sources: sources.files.into_iter(),
            source: String::new(),
            number: 0,
            has_checksum: false,
            path: None,
            lacks: Lacks::default(),
            clock: None,
            args,
            until,
            interrupt,
            is_silent: false,
        }
    }

    /// The first stream.
    pub(crate) fn first(&mut self) -> anyhow::Result<Link> {
        let link = self.next_source(None)?.context("there is no input")?;
        match self.is_past(&link)? {
            true => Err(Refusal::Usage(format!(
                "{}: already the first stream was made later than --until says",
                link.name
            ))
            .into()),
            false => Ok(link),
        }
    }

    /// Makes sure that all of a stream has arrived, and goes on to the next; `None` where the chain
    /// ends. With --partial it also ends where a stream is cut: nothing says what that leads to, so
    /// nothing may follow it.
    pub(crate) fn next(&mut self, link: Link) -> anyhow::Result<Option<Link>> {
        let Link { name, mut decoder, is_differential, machine, .. } = link;
        loop {
            match decoder.next_record() {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(Error::Cut { .. }) if self.args.partial => {
                    return self.end_cut(&name).map(|()| None);
                }
                Err(error) => return Err(error).context(name),
            }
        }
        let (header, foreign) = (decoder.header().clone(), decoder.foreign().cloned());
        // The checkpoint that a differential stream names is made by another one.
        if self.until.is_some_and(|until| until.is_reached(&header)) && !is_differential {
            return Ok(None);
        }
        let next = decoder.next_stream().with_context(|| name.clone())?;
        let previous = Previous { name, header, foreign, is_differential, machine };
        let next = match next {
            Some(decoder) => Some(self.link(decoder, Some(&previous.header))?),
            None => self.next_source(Some(&previous.header))?,
        };
        let Some(next) = next else {
            return match self.until {
                Some(Until::Volume(volume)) => Err(Refusal::Usage(format!(
                    "no stream leads to a volume with the name or UUID {volume}, where --until \
                     would stop"
                ))
                .into()),
                _ => Ok(None),
            };
        };
        if self.is_past(&next)? {
            return Ok(None);
        }
        self.check_follows(&next, &previous)?;
        Ok(Some(next))
    }

    /// Ends with a stream that is cut.
    ///
    /// # Errors
    /// [`Refusal::Usage`] where there is more.
    pub(crate) fn end_cut(&self, name: &str) -> anyhow::Result<()> {
        let Some(source) = self.sources.as_slice().first() else { return Ok(()) };
        Err(Refusal::Usage(format!(
            "{name} is cut, and {} follows it: apply what is cut in a run of its own, with --partial, \
             and what follows in another one, which proves that it belongs there",
            source.name
        ))
        .into())
    }

    /// Refuses what does not belong behind `previous`.
    fn check_follows(&self, next: &Link, previous: &Previous) -> anyhow::Result<()> {
        let refused = |why: String| {
            Refusal::BaseMismatch(format!(
                "{} does not follow the stream before it: {why} (before it: {})",
                next.name, previous.name
            ))
        };
        if previous.is_differential {
            return Err(refused(
                "that is a differential one, which leads to no checkpoint: of an increment, the base \
                 is another increment"
                    .into(),
            )
            .into());
        }
        if let (Some(foreign), Some(before)) = (next.decoder.foreign(), &previous.foreign) {
            foreign.check_disk(before).map_err(refused)?;
            foreign::check_machine(next.machine.as_deref(), previous.machine.as_deref())
                .map_err(refused)?;
        }
        match (next.decoder.foreign(), &previous.foreign) {
            (None, Some(before)) => before.check_precedes(&previous.header, next.header()),
            _ => next.header().follows(&previous.header),
        }
        .map_err(refused)?;
        if let (Some(foreign), Some(before)) = (next.decoder.foreign(), &previous.foreign)
            && let Err(why) = foreign.check_date(before)
        {
            if !self.args.no_base_check {
                return Err(refused(format!(
                    "{why}: it is of another set; where the clock was set back in between, \
                     --no-base-check applies it"
                ))
                .into());
            }
            log::warn!("{}: {why} (before it: {})", escaped(&next.name), escaped(&previous.name));
        }
        Ok(())
    }

    /// Whether --until says that the chain ends before this stream.
    fn is_past(&mut self, link: &Link) -> anyhow::Result<bool> {
        let Some(Until::Time(time)) = self.until else { return Ok(false) };
        let (clock, is_past) = time.compare(link)?;
        match &self.clock {
            Some((other, name)) if *other != clock && time.has_no_zone() => {
                Err(Refusal::Usage(format!(
                    "--until: of {name} and {}, one says when it was made in UTC, the other one in \
                     local time: name the last stream's volume instead of a time",
                    link.name
                ))
                .into())
            }
            _ => {
                self.clock = Some((clock, link.name.clone()));
                Ok(is_past)
            }
        }
    }

    fn next_source(&mut self, previous: Option<&Header>) -> anyhow::Result<Option<Link>> {
        let Some(source) = self.sources.next() else { return Ok(None) };
        flow::widen_pipe(&source.file);
        let name = source.name.clone();
        (self.source, self.number) = (name.clone(), 0);
        self.has_checksum = source.checksum.is_some();
        self.path.clone_from(&source.path);
        let input = Input::new(source.reader(), self.interrupt).with_context(|| name.clone())?;
        let decoder = AnyDecoder::new(input).context(name)?;
        Ok(Some(self.link(decoder, previous)?))
    }

    /// A stream that has begun; what it does not say is filled in.
    fn link(
        &mut self,
        mut decoder: AnyDecoder<Input>,
        previous: Option<&Header>,
    ) -> anyhow::Result<Link> {
        self.number += 1;
        if previous.is_none() {
            self.check_size(&decoder)?;
        }
        if let Some(foreign) = decoder.foreign() {
            if !self.is_silent || self.args.strict {
                self.lacks.say(&self.source, foreign, self.has_checksum, self.args.strict)?;
            }
            let missing = match previous {
                None => missing::find(self.args, foreign).context(self.source.clone())?,
                Some(previous) => Missing {
                    name: self.args.new_name().map(Into::into),
                    base: Some(previous.target.clone()),
                    size: None,
                    chunk_size: Some(previous.chunk_size),
                },
            };
            decoder.complete(&missing).with_context(|| self.source.clone())?;
        }
        let name = match self.number {
            1 => self.source.clone(),
            number => {
                let target = escaped(&decoder.header().target.name);
                format!("{}, stream {number} ({target})", self.source)
            }
        };
        let (path, foreign) = (self.path.as_deref(), decoder.foreign());
        let (is_differential, machine) = match path.zip(foreign) {
            None => (false, None),
            Some((path, said)) => {
                (foreign::is_differential(path, said), foreign::machine_of(path, said))
            }
        };
        let has_checksum = self.has_checksum;
        Ok(Link { name, decoder, has_checksum, is_differential, machine })
    }

    /// A size that the stream says itself is not replaced by one that is given, nor is that passed over.
    fn check_size(&self, decoder: &AnyDecoder<Input>) -> anyhow::Result<()> {
        let said = match decoder.foreign() {
            Some(foreign) => foreign.size,
            None => Some(decoder.header().target.size),
        };
        match (self.args.size, said) {
            (Some(size), Some(said)) => Err(Refusal::Usage(format!(
                "{}: --size {size} is for streams that do not say how large their volume is; this one \
                 says {said} bytes: leave out --size",
                self.source
            ))
            .into()),
            _ => Ok(()),
        }
    }
}
