//! [`Stream`]: a pair, proved and written.

use std::io::{self, Write};

use anyhow::Context;
use flow::{Interruptible, Session, usage};
use foreign::{Hyperlayer1, ThinSend};
use hyperlayer::{
    BaseChecksum, BaseDigest, DigestKind, Encoder, Finished, Header, Held, RecordSink,
};
use source::Pair;
use thinmeta::ExtentKind;

use crate::options::{Detail, Options, StreamFormat};
use crate::records::{self, Content};
use crate::rest::{Nowhere, Rest};
use crate::roots::RootFinder;

/// A stream of a pair, ready to be written: everything but the records.
pub struct Stream<'a> {
    pair: &'a Pair,
    options: &'a Options,
    header: Header,
    digests: Vec<BaseDigest>,
    checksums: Vec<BaseChecksum>,
    /// What has arrived already, if only the rest is made: it is in no record.
    held: Vec<Held>,
    /// What finds the roots, until the records have been written.
    roots: Option<RootFinder>,
}

impl<'a> Stream<'a> {
    /// Reads what will prove the base.
    ///
    /// # Errors
    /// If the format cannot express such a pair, or the base cannot be read.
    pub fn prove(
        pair: &'a mut Pair,
        options: &'a Options,
        session: &Session<'_>,
    ) -> anyhow::Result<Self> {
        tell(pair, options)?;
        let rest =
            options.rest_from.map(|from| Rest::split(&mut pair.changes, from)).transpose()?;
        let pair = &*pair;
        check(pair, options)?;
        let changes = &pair.changes;
        let (mut digests, mut checksums) = (vec![], vec![]);
        let go_on = || session.interrupt.check();
        let mut roots = match &options.roots {
            Some(search) => Some(RootFinder::of_pair(pair, search.folder.as_deref(), session)?),
            None => None,
        };
        let base_root = roots.as_ref().and_then(RootFinder::base);
        match (&pair.base, options.format) {
            (Some(base), StreamFormat::Hyperlayer2) => {
                let source = Interruptible { source: base, interrupt: session.interrupt };
                digests = match (options.detect_level, base_root) {
                    (3, Some(digest)) => {
                        let (length, kind) = (pair.base_size(), DigestKind::Root);
                        Ok(vec![BaseDigest { offset: 0, length, kind, digest }])
                    }
                    (3, None) => {
                        baseproof::digest_whole(&source, pair.base_size(), changes.mapped(), &go_on)
                            .map(|digest| vec![digest])
                    }
                    _ => baseproof::digest_ranges(&source, &changes.sample),
                }
                .context("reading the base")?;
            }
            (Some(base), StreamFormat::Hyperlayer1) => {
                checksums = baseproof::checksum_ranges(base, &changes.sample, &go_on)
                    .context("reading the base")?;
            }
            (None, StreamFormat::Hyperlayer2) => {
                let (length, kind) = (pair.base_size(), DigestKind::Root);
                let digest = pair.base_root.filter(|_| options.detect_level == 3);
                let digest = digest.map(|digest| BaseDigest { offset: 0, length, kind, digest });
                digests.extend(digest);
            }
            _ => {}
        }
        let held = match &rest {
            Some(rest) => prove_rest(pair, rest, roots.as_mut(), session)?,
            None => vec![],
        };
        let header = Header {
            target: pair.names.target.clone(),
            base: pair.names.base.clone(),
            chunk_size: changes.chunk_size,
            pairs: options.pairs.clone(),
            detect_level: match digests.is_empty() && checksums.is_empty() {
                true => 0,
                false => options.detect_level,
            },
            extents: changes.extents.len(),
            changed_bytes: changes.announced(pair.names.target.size)?,
            unmapped_bytes: changes.bytes(ExtentKind::Unmapped)?,
            tool: options.tool.clone(),
            created: (session.clock)(),
            undo: false,
            base_origin: pair.names.base_origin.clone(),
            identity: pair.names.identity.clone(),
            rest: rest.is_some(),
        };
        Ok(Self { pair, options, header, digests, checksums, held, roots })
    }

    /// Its header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Writes the whole stream; the end only if the pair is unchanged.
    ///
    /// # Errors
    /// A [`hyperlayer::Error`] comes from the output; others come from reading and from [`Pair::check`].
    pub fn write<W: Write>(
        &mut self,
        output: W,
        session: &Session<'_>,
    ) -> anyhow::Result<(W, Finished)> {
        match self.options.format {
            StreamFormat::Hyperlayer2 => {
                let encoder = Encoder::rest(output, &self.header, &self.digests, &self.held)?;
                self.fill(encoder, session)
            }
            StreamFormat::Hyperlayer1 => {
                self.fill(Hyperlayer1::new(output, &self.header, &self.checksums)?, session)
            }
            StreamFormat::ThinSend => {
                let ranges = self.pair.changes.extents.iter().filter_map(|extent| match extent {
                    Ok(extent) if extent.kind() == ExtentKind::Unmapped => None,
                    Ok(extent) => Some(Ok((extent.range().offset, extent.range().length))),
                    Err(error) => Some(Err(error)),
                });
                self.fill(ThinSend::new(output, ranges)?, session)
            }
        }
    }

    fn fill<S: RecordSink>(
        &mut self,
        mut sink: S,
        session: &Session<'_>,
    ) -> anyhow::Result<(S::Output, Finished)> {
        let content = content(self.pair);
        let task = session.progress.begin("sending", self.header.changed_bytes);
        let detail = self.options.detail;
        let changes = &self.pair.changes;
        let roots = self.roots.as_mut();
        records::write(&mut sink, changes, &content, detail, roots, session.interrupt, &*task)?;
        self.pair.check()?;
        if let Some(roots) = self.roots.take() {
            sink.roots(roots.finish()?);
        }
        Ok(sink.finish()?)
    }
}

/// The content of both volumes.
fn content(pair: &Pair) -> Content<&source::Content, &source::Content> {
    Content {
        base: pair.base.as_ref(),
        base_size: pair.base_size(),
        target: &pair.target,
        size: pair.names.target.size,
    }
}

/// Reads what the target holds of what has arrived already.
fn prove_rest(
    pair: &Pair,
    rest: &Rest,
    roots: Option<&mut RootFinder>,
    session: &Session<'_>,
) -> anyhow::Result<Vec<Held>> {
    let source = Interruptible { source: &pair.target, interrupt: session.interrupt };
    let go_on = || session.interrupt.check();
    if let Some(roots) = roots {
        let (detail, task) = (Detail::default(), session.progress.begin("digesting", 0));
        let (mut nowhere, content) = (Nowhere, content(pair));
        let (interrupt, roots) = (session.interrupt, Some(roots));
        records::write(&mut nowhere, &rest.arrived, &content, detail, roots, interrupt, &*task)?;
    }
    baseproof::digest_held(&source, &rest.held, &go_on).context("reading what has arrived already")
}

/// Puts what differs as the format tells it.
fn tell(pair: &mut Pair, options: &Options) -> io::Result<()> {
    let Some(compared) = pair.compared.take() else { return Ok(()) };
    let size = pair.names.target.size;
    match options.format {
        StreamFormat::Hyperlayer2 => {}
        StreamFormat::Hyperlayer1 => {
            pair.changes.sample = compared.heads(options.detect_level, size)?;
        }
        // It tells apart what the delta joins. It knows of no external origin and of no other size;
        // there, what has to be sent is not what the stretches say.
        StreamFormat::ThinSend if compared.says_all => {
            pair.changes.extents = compared.extents(size)?;
        }
        StreamFormat::ThinSend => {}
    }
    Ok(())
}

/// Refuses what the format cannot express, or cannot express about such a base.
fn check(pair: &Pair, options: &Options) -> anyhow::Result<()> {
    if let (Some(base), None) = (&pair.names.base, &pair.base) {
        let unreadable = |what: &str| {
            Err(usage(format!("{}: the base {} cannot be read here: {what}", pair.what, base.name)))
        };
        let is_proved = options.detect_level == 3 && pair.base_root.is_some();
        if options.detect_level > 0 && !is_proved {
            return unreadable("its bytes cannot prove it, so only detect level 0 is possible");
        }
        if options.detail.granularity.is_some() {
            return unreadable("nothing can be compared inside chunks");
        }
        if options.roots.is_some() {
            return unreadable("nothing says what it holds as a whole");
        }
    }
    if options.roots.is_some() && options.format != StreamFormat::Hyperlayer2 {
        let format = options.format.name();
        return Err(usage(format!("the format {format} has no place for root digests")));
    }
    if options.rest_from.is_some() && options.format != StreamFormat::Hyperlayer2 {
        let format = options.format.name();
        return Err(usage(format!("the format {format} cannot say what has arrived already")));
    }
    let chunk_size = pair.changes.chunk_size;
    if let Some(granularity) = options.detail.granularity
        && granularity > chunk_size
    {
        return Err(usage(format!(
            "a granularity of {granularity} bytes, but the chunks have {chunk_size}"
        )));
    }
    let (base_size, size) = (pair.base_size(), pair.names.target.size);
    if options.format == StreamFormat::Hyperlayer1 && base_size != size {
        return Err(usage(format!(
            "the base has {base_size} bytes and the volume {size}: the format {} cannot resize",
            options.format.name()
        )));
    }
    Ok(())
}
