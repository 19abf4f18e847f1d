//! [`ReadStreams`]: the files to be merged, read and verified.

use anyhow::Context;
use flow::{Interrupt, Refusal, Session, usage};
use hyperlayer::{BaseDigest, Decoder, Header, Record, Records, Roots};

use super::layers::Layers;
use super::merged_file::MergedFile;
use super::piece::Piece;
use super::proof::{Next, Proof};
use crate::change::{Change, push};
use crate::link::check_roots;

/// What was read from all files.
pub(super) struct ReadStreams {
    /// The first stream's header.
    pub(super) first: Header,
    /// What proves its base.
    pub(super) proof: Proof,
    /// The last stream's header, and its name for messages.
    pub(super) last: Header,
    last_name: String,
    /// The last stream's digest.
    last_digest: Option<[u8; 32]>,
    /// The roots of the first base and the last target, as far as the streams say them.
    pub(super) roots: Roots,
    /// What nothing has proved about the current stream, unless its roots do.
    unproved: Option<String>,
    /// How many streams there are.
    pub(super) streams: u64,
    /// What all of them do, in ascending order. It may reach past the last target's end.
    pub(super) pieces: Vec<Piece>,
}

/// No volume extends further.
const NO_END: u64 = 1 << 63;

impl ReadStreams {
    /// Reads and verifies all streams of all files, each of which must follow the one before. `what` names
    /// the work in progress output.
    pub(super) fn read(
        inputs: &[MergedFile],
        what: &'static str,
        session: &Session<'_>,
    ) -> anyhow::Result<Self> {
        let bytes = inputs.iter().map(|input| input.size).sum();
        let interrupt = session.interrupt;
        let progress = session.progress.begin(what, bytes);
        let mut reading = Reading { inputs, chain: None, layers: Layers::default() };
        for (number, input) in (0..).zip(inputs) {
            let name = || input.path.display().to_string();
            let mut next = Some(Decoder::new(input.reader()).with_context(name)?);
            let (mut stream, mut done) = (1, 0);
            while let Some(mut decoder) = next {
                let name = || match stream {
                    1 => name(),
                    _ => format!("{}, stream {stream}", name()),
                };
                reading.begin(decoder.header(), decoder.base_digests(), &name(), interrupt)?;
                let mut layer = Vec::new();
                loop {
                    interrupt.check()?;
                    let Some(record) = decoder.next_record().with_context(name)? else { break };
                    let (offset, length) = (record.offset(), record.length());
                    let piece = match record {
                        Record::Data { bytes, .. } => {
                            let length = bytes.len().try_into().context("a record's length")?;
                            Piece::data(offset, length, number, decoder.place())
                        }
                        Record::Zero { .. } => Piece::zero(offset, length),
                        Record::Discard { .. } => Piece::discard(offset, length),
                    };
                    push(&mut layer, piece);
                    progress.add(decoder.position() - done);
                    done = decoder.position();
                }
                reading.end(decoder.header(), layer, decoder.roots(), &name())?;
                reading.digest(decoder.stream_digest());
                next = decoder.next_stream().with_context(name)?;
                stream += 1;
            }
        }
        let Reading { chain, layers, .. } = reading;
        let mut chain = chain.ok_or_else(|| usage("there is no stream to merge"))?;
        chain.pieces = layers.merged();
        Ok(chain)
    }
}

/// What has been read so far.
struct Reading<'a> {
    inputs: &'a [MergedFile],
    chain: Option<ReadStreams>,
    layers: Layers,
}

impl Reading<'_> {
    /// Begins another stream: it must belong there, and start from what is there.
    fn begin(
        &mut self,
        header: &Header,
        digests: &[BaseDigest],
        name: &str,
        interrupt: &Interrupt,
    ) -> anyhow::Result<()> {
        if header.undo {
            return Err(usage(format!(
                "{name} is an undo stream: it leads back, and cannot be merged"
            )));
        }
        if header.rest {
            return Err(usage(format!(
                "{name} is the rest of a stream, whose beginning is missing: it cannot be merged"
            )));
        }
        let Some(chain) = &mut self.chain else {
            // After the first base's end, whatever nobody writes to counts as discarded.
            let end = header.base.as_ref().map_or(0, |base| base.size);
            self.layers.push(vec![Piece::discard(end, NO_END - end)]);
            self.chain = Some(ReadStreams {
                first: header.clone(),
                proof: Proof {
                    level: header.detect_level,
                    digests: digests.to_vec(),
                    base_size: end,
                },
                last: header.clone(),
                last_name: name.to_owned(),
                last_digest: None,
                roots: Roots::default(),
                unproved: None,
                streams: 1,
                pieces: Vec::new(),
            });
            return Ok(());
        };
        header.follows(&chain.last, chain.last_digest).map_err(|why| {
            Refusal::base_mismatch(format!("{name} does not follow the stream before it: {why}"))
        })?;
        if header.chunk_size != chain.first.chunk_size {
            return Err(usage(format!(
                "{name} has chunks of {} bytes, and the streams before it have chunks of {}: only \
                 streams of one chunk size can be merged",
                header.chunk_size, chain.first.chunk_size
            )));
        }
        let next = Next { header, digests, name, previous: &chain.last_name };
        chain.unproved = chain.proof.prove(next, &self.layers, self.inputs, interrupt)?;
        chain.last = header.clone();
        chain.last_name = name.to_owned();
        chain.streams += 1;
        Ok(())
    }

    /// Notes the digest of the stream that was read.
    fn digest(&mut self, digest: Option<[u8; 32]>) {
        if let Some(chain) = &mut self.chain {
            chain.last_digest = digest;
        }
    }

    /// Ends a stream, whose trailer's roots are known: they prove that it starts from what the stream before it
    /// leads to, or that it does not.
    fn end(
        &mut self,
        header: &Header,
        mut layer: Vec<Piece>,
        roots: Roots,
        name: &str,
    ) -> anyhow::Result<()> {
        if let Some(chain) = &mut self.chain {
            let unproved = chain.unproved.take();
            if chain.streams == 1 {
                chain.roots.base = roots.base;
            } else {
                check_roots(chain.roots.target, roots.base).map_err(|why| {
                    Refusal::base_mismatch(format!(
                        "{name} does not follow the stream before it: {why}"
                    ))
                })?;
                let is_proved = chain.roots.target.is_some() && roots.base.is_some();
                if let Some(why) = unproved.filter(|_| !is_proved) {
                    log::warn!("{why}");
                }
            }
            chain.roots.target = roots.target;
        }
        if let Some(base) = &header.base
            && header.target.size < base.size
        {
            // What was cut off reads as zeros if the volume grows again.
            let cut_off = base.size - header.target.size;
            push(&mut layer, Piece::discard(header.target.size, cut_off));
        }
        self.layers.push(layer);
        Ok(())
    }
}
