//! [`Chain`]: the streams of the input, one after another.

use std::fs::File;
use std::io::{self, IsTerminal, Seek, SeekFrom};
use std::os::fd::AsRawFd;

use anyhow::Context;
use cli::{Input, Interrupt, Refusal, escaped, is_standard};
use hyperlayer::{AnyDecoder, Foreign, Header, Missing, Outline, Records};

use crate::cli::Args;
use crate::missing;
use crate::until::Until;

/// Where streams come from: standard input, or files.
pub(crate) struct Sources {
    files: Vec<(String, File)>,
}

impl Sources {
    /// Opens what the arguments name.
    pub(crate) fn open(args: &Args, interrupt: &Interrupt) -> anyhow::Result<Self> {
        let mut files = Vec::new();
        for path in &args.input {
            if is_standard(path) {
                files.push(standard_input()?);
                continue;
            }
            let name = path.display().to_string();
            let file = cli::open(File::options().read(true), path, interrupt)
                .with_context(|| name.clone())?;
            files.push((name, file));
        }
        if files.is_empty() {
            files.push(standard_input()?);
        }
        Ok(Self { files })
    }

    /// Whether all of it can be read twice.
    pub(crate) fn are_files(&self) -> anyhow::Result<bool> {
        for (name, file) in &self.files {
            if !file.metadata().with_context(|| name.clone())?.is_file() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// All of it once more, where it consists of files.
    pub(crate) fn again(&self) -> anyhow::Result<Vec<(String, File)>> {
        let again = |(name, file): &(String, File)| io::Result::Ok((name.clone(), again(file)?));
        let files = self.files.iter().map(again).collect::<io::Result<_>>();
        files.context("opening the input a second time")
    }

    /// The last stream's header, where that can be known beforehand: in files.
    pub(crate) fn last_header(&self) -> anyhow::Result<Option<Header>> {
        let Some((name, file)) = self.files.last() else { return Ok(None) };
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
    /// ascend also where the format lets them come in any order.
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
            next = chain.next(link)?;
        }
        Ok(())
    }
}

fn standard_input() -> anyhow::Result<(String, File)> {
    let why = match cli::standard_input().context("standard input")? {
        None => ", which is closed",
        Some(file) if file.is_terminal() => "",
        Some(file) => return Ok(("standard input".into(), file)),
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
    sources: std::vec::IntoIter<(String, File)>,
    /// The source that is being read, and the number of its stream.
    source: String,
    number: usize,
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
        let (sources, source) = (sources.files.into_iter(), String::new());
        Self { sources, source, number: 0, args, until, interrupt, is_silent: false }
    }

    /// The first stream.
    pub(crate) fn first(&mut self) -> anyhow::Result<Link> {
        let link = self.next_source(None)?.context("there is no input")?;
        match self.until {
            Some(until) if until.is_past(link.header()) => Err(Refusal::Usage(format!(
                "{}: already the first stream was made later than --until says",
                link.name
            ))
            .into()),
            _ => Ok(link),
        }
    }

    /// Makes sure that all of a stream has arrived, and goes on to the next; `None` where the chain
    /// ends.
    pub(crate) fn next(&mut self, link: Link) -> anyhow::Result<Option<Link>> {
        let Link { name, mut decoder } = link;
        let header = decoder.header().clone();
        while decoder.next_record().with_context(|| name.clone())?.is_some() {}
        if self.until.is_some_and(|until| until.is_reached(&header)) {
            return Ok(None);
        }
        let next = decoder.next_stream().with_context(|| name.clone())?;
        let next = match next {
            Some(decoder) => Some(self.link(decoder, Some(&header))?),
            None => self.next_source(Some(&header))?,
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
        if self.until.is_some_and(|until| until.is_past(next.header())) {
            return Ok(None);
        }
        if let Err(why) = next.header().follows(&header) {
            return Err(Refusal::BaseMismatch(format!(
                "{} does not follow the stream before it: {why}",
                next.name
            ))
            .into());
        }
        Ok(Some(next))
    }

    fn next_source(&mut self, previous: Option<&Header>) -> anyhow::Result<Option<Link>> {
        let Some((name, file)) = self.sources.next() else { return Ok(None) };
        cli::widen_pipe(&file);
        (self.source, self.number) = (name.clone(), 0);
        let input = Input::new(file, self.interrupt).with_context(|| name.clone())?;
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
                say_what_it_lacks(&self.source, foreign, self.args.strict)?;
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
        Ok(Link { name, decoder })
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

/// What a format cannot promise is a line, or a reason to refuse it.
pub(crate) fn say_what_it_lacks(
    source: &str,
    foreign: &Foreign,
    is_strict: bool,
) -> anyhow::Result<()> {
    if foreign.lacks.is_empty() {
        return Ok(());
    }
    let (format, lacks) = (foreign.format, foreign.lacks.join(", "));
    if is_strict {
        return Err(Refusal::Unverifiable(format!(
            "{source}: --strict refuses a stream of {format}: {lacks}"
        ))
        .into());
    }
    log::warn!("{source}: a stream of {format}: {lacks}");
    Ok(())
}
