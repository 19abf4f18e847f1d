//! [`Chain`]: the streams of the input, one after another.

use std::path::PathBuf;

use anyhow::Context;
use flow::{Input, Interrupt, Refusal, WayOut, escaped};
use foreign::{Foreign, Lacks, Missing, Unfinished};
use hyperlayer::{Error, Header, Records};

use crate::link::{Link, Previous};
use crate::sources::{NamedInput, Sources};
use crate::until::{Clock, Until};

/// How streams are read: what is refused, what is accepted, and where they end.
pub struct Rules<'a> {
    /// A stream whose format guarantees less than ours is refused.
    pub is_strict: bool,
    /// A cut stream ends the chain and is not an error.
    pub accepts_cut: bool,
    /// A stream may be the remainder of one whose beginning is elsewhere.
    pub accepts_rest: bool,
    /// A stream of another tool may be older than the one before it.
    pub ignores_dates: bool,
    /// Overwritten data is kept, in a stream: records must ascend, even if the format allows any
    /// order.
    pub must_ascend: bool,
    /// The name of the new volume, if given: for streams that have none.
    pub name: Option<String>,
    /// The size of the new volume, if given: refused if the first stream says it.
    pub size: Option<u64>,
    /// Where to end the chain early.
    pub until: Option<Until>,
    /// Finds what the first stream does not say, if another tool made it. What later streams do not
    /// say is taken from the stream before them.
    pub complete: &'a dyn Fn(&Foreign) -> anyhow::Result<Missing>,
}

impl<'a> Rules<'a> {
    /// Only whole streams that promise all that ours do; `complete` as [`Rules::complete`].
    pub fn strict(complete: &'a dyn Fn(&Foreign) -> anyhow::Result<Missing>) -> Self {
        Self {
            is_strict: true,
            accepts_cut: false,
            accepts_rest: false,
            ignores_dates: false,
            must_ascend: false,
            name: None,
            size: None,
            until: None,
            complete,
        }
    }
}

/// The streams of all sources, in order, each of which must follow the one before.
pub struct Chain<'a> {
    sources: std::vec::IntoIter<NamedInput>,
    /// The source being read, and the number of its current stream.
    source: String,
    number: usize,
    has_checksum: bool,
    path: Option<PathBuf>,
    /// The format warnings given so far.
    lacks: Lacks,
    /// The clock by which streams were compared with a time, and the last stream compared.
    clock: Option<(Clock, String)>,
    rules: &'a Rules<'a>,
    interrupt: &'a Interrupt,
    /// Do not warn about what formats cannot guarantee.
    is_silent: bool,
    /// All records are known to ascend.
    ascends: bool,
}

impl<'a> Chain<'a> {
    /// The streams in `sources`, from the beginning.
    pub fn new(sources: Sources, rules: &'a Rules<'a>, interrupt: &'a Interrupt) -> Self {
        Self {
            sources: sources.into_iter(),
            source: String::new(),
            number: 0,
            has_checksum: false,
            path: None,
            lacks: Lacks::default(),
            clock: None,
            rules,
            interrupt,
            is_silent: false,
            ascends: false,
        }
    }

    /// Turns off the warnings about what formats cannot guarantee, for streams that are read a second time.
    pub(crate) fn silent(mut self) -> Self {
        self.is_silent = true;
        self
    }

    /// Marks all records as known to ascend, even if the format allows any
    /// order: [`accept_all`](crate::accept_all) has read them.
    #[must_use]
    pub fn ascends(mut self, ascends: bool) -> Self {
        self.ascends = ascends;
        self
    }

    /// The first stream.
    ///
    /// # Errors
    /// If there is none, if it cannot be read or completed, or if the rules refuse it ([`Refusal`]).
    pub fn first(&mut self) -> anyhow::Result<Link> {
        let link = self.next_source(None)?.context("there is no input")?;
        match self.is_past(&link)? {
            true => Err(Refusal::usage(format!(
                "{}: even the first stream was made after the time to stop at",
                link.name
            ))
            .into()),
            false => Ok(link),
        }
    }

    /// Checks that all of a stream has arrived, and goes on to the next; `None` at the end of the
    /// chain. An accepted cut ends the chain: nothing says what the cut stream leads to, so nothing
    /// may follow it.
    ///
    /// # Errors
    /// If a stream is damaged or cut, if the next one does not follow ([`Refusal::base_mismatch`]), and
    /// as [`Chain::first`].
    pub fn next(&mut self, mut link: Link) -> anyhow::Result<Option<Link>> {
        loop {
            match link.decoder.next_record() {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(Error::Cut { .. }) if self.rules.accepts_cut => {
                    return self.end_cut(&link.name).map(|()| None);
                }
                Err(error) => return Err(error).context(link.name),
            }
        }
        link.check_root()?;
        let Link { name, decoder, is_differential, machine, .. } = link;
        let (header, foreign) = (decoder.header().clone(), decoder.foreign().cloned());
        let (digest, roots) = (decoder.stream_digest(), decoder.roots());
        // The checkpoint that a differential stream names is created by another stream.
        if self.rules.until.as_ref().is_some_and(|until| until.is_reached(&header))
            && !is_differential
        {
            return Ok(None);
        }
        let next = decoder.next_stream().with_context(|| name.clone())?;
        let root = roots.target;
        let previous = Previous { name, header, foreign, is_differential, machine, digest, root };
        let next = match next {
            Some(begun) => Some(self.link(begun, Some(&previous.header))?),
            None => self.next_source(Some(&previous.header))?,
        };
        let Some(mut next) = next else {
            return match &self.rules.until {
                Some(Until::Volume(volume)) => Err(Refusal::usage(format!(
                    "no stream leads to a volume with the name or UUID {volume}, to stop at"
                ))
                .into()),
                _ => Ok(None),
            };
        };
        if self.is_past(&next)? {
            return Ok(None);
        }
        next.check_follows(&previous, self.rules.ignores_dates)?;
        next.expected_root = previous.root;
        Ok(Some(next))
    }

    /// Ends the chain with a cut stream.
    ///
    /// # Errors
    /// [`Refusal::usage`] if there are more streams.
    pub fn end_cut(&self, name: &str) -> anyhow::Result<()> {
        let Some(source) = self.sources.as_slice().first() else { return Ok(()) };
        Err(Refusal::usage(format!(
            "{name} is cut, and {} follows it: apply what follows in another run, which proves \
             that it belongs there",
            source.name
        ))
        .but(WayOut::ApplyPart)
        .into())
    }

    /// Whether the chain ends before this stream, judging by its creation time.
    fn is_past(&mut self, link: &Link) -> anyhow::Result<bool> {
        let Some(Until::Time(time)) = &self.rules.until else { return Ok(false) };
        let (clock, is_past) = time.compare(&link.name, link.header(), link.decoder.foreign())?;
        match &self.clock {
            Some((other, name)) if *other != clock && time.has_no_zone() => {
                Err(Refusal::usage(format!(
                    "of {name} and {}, one says when it was made in UTC, the other one in local time",
                    link.name
                ))
                .but(WayOut::StopAtVolume)
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
        let name = source.name.clone();
        (self.source, self.number) = (name.clone(), 0);
        self.has_checksum = source.has_checksum();
        self.path.clone_from(&source.path);
        let input = Input::new(source.reader(), self.interrupt).with_context(|| name.clone())?;
        let begun = Unfinished::begin(input).context(name)?;
        Ok(Some(self.link(begun, previous)?))
    }

    /// Completes a stream that has begun with what it does not say.
    fn link(
        &mut self,
        begun: Unfinished<Input>,
        previous: Option<&Header>,
    ) -> anyhow::Result<Link> {
        self.number += 1;
        if previous.is_none() {
            self.check_size(&begun)?;
        }
        if let Some(foreign) = begun.foreign()
            && (!self.is_silent || self.rules.is_strict)
        {
            self.lacks.say(&self.source, foreign, self.has_checksum, self.rules.is_strict)?;
        }
        let missing = match (begun.foreign(), previous) {
            (None, _) => Missing::default(),
            (Some(foreign), None) => (self.rules.complete)(foreign).context(self.source.clone())?,
            (Some(_), Some(previous)) => Missing {
                name: self.rules.name.clone(),
                base: Some(previous.target.clone()),
                size: None,
                chunk_size: Some(previous.chunk_size),
            },
        };
        let decoder = begun.complete(&missing).with_context(|| self.source.clone())?;
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
        let ascends = self.ascends || decoder.ascend();
        if decoder.header().rest && !self.rules.accepts_rest {
            return Err(needs_part(&name).into());
        }
        let expected_root = None;
        Ok(Link { name, decoder, has_checksum, ascends, is_differential, machine, expected_root })
    }

    /// If the stream states its size, a given one is refused rather than ignored.
    fn check_size(&self, begun: &Unfinished<Input>) -> anyhow::Result<()> {
        let said = match begun.foreign() {
            Some(foreign) => foreign.size,
            None => Some(begun.header().target.size),
        };
        match (self.rules.size, said) {
            (Some(size), Some(said)) => Err(Refusal::usage(format!(
                "{}: a size ({size} bytes) is for streams that do not say how large their volume is; \
                 this one says {said} bytes",
                self.source
            ))
            .but(WayOut::LeaveOutSize)
            .into()),
            _ => Ok(()),
        }
    }
}

/// Refuses the rest of a stream, which is of no use alone; `name` is the stream's.
pub fn needs_part(name: &str) -> Refusal {
    Refusal::usage(format!(
        "{name} is the rest of a stream: it is only for the volume that holds the beginning"
    ))
    .but(WayOut::NamePart)
}
