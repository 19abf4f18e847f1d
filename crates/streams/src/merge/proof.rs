//! [`Proof`]: checks what proves a base against what the streams before it lead to.

use blockio::Range;
use flow::{Interrupt, Interruptible, Refusal};
use hyperlayer::{BaseDigest, DigestKind, Header};

use super::content::Content;
use super::layers::{Known, Layers};
use super::merged_file::MergedFile;

/// The most digests that fit into a stream.
const MOST: usize = 21845;

/// What will prove the merged stream's base, which is the first stream's.
pub(super) struct Proof {
    pub(super) level: u8,
    pub(super) digests: Vec<BaseDigest>,
    /// The size of that base, in bytes.
    pub(super) base_size: u64,
}

/// A stream that follows others.
#[derive(Clone, Copy)]
pub(super) struct Next<'a> {
    pub(super) header: &'a Header,
    pub(super) digests: &'a [BaseDigest],
    /// For messages: its name, and the previous stream's.
    pub(super) name: &'a str,
    pub(super) previous: &'a str,
}

impl Proof {
    /// Checks another stream's base digests against these layers, which are what the streams before it lead
    /// to. Digests of places that no stream has written to become the first base's own. If there are digests
    /// for which neither can be done, yields a warning.
    ///
    /// # Errors
    /// [`Refusal::base_mismatch`] if it starts from something else.
    pub(super) fn prove(
        &mut self,
        next: Next<'_>,
        layers: &Layers,
        inputs: &[MergedFile],
        interrupt: &Interrupt,
    ) -> anyhow::Result<Option<String>> {
        let (mut known, mut unproved) = (Vec::new(), 0);
        for digest in next.digests {
            let is_taken = match layers.known(digest.offset, digest.length) {
                Known::Whole => {
                    known.push(*digest);
                    true
                }
                Known::Nothing => self.take(digest, next)?,
                Known::Part => false,
            };
            unproved += usize::from(!is_taken);
        }
        let mapped = match known.as_slice() {
            [whole] if next.header.detect_level == 3 => Some(layers.data(whole.length)),
            _ => None,
        };
        compare(next, &known, mapped.as_deref(), &Content::new(layers, inputs), interrupt)?;
        let (Next { name, previous, .. }, base) = (next, base_name(next));
        Ok((unproved > 0).then(|| {
            format!(
                "{name}: it is only partly proved that it starts from what {previous} leads to: \
                 {unproved} of {} base digests cover places that the earlier streams do not fully \
                 describe. If {base} was written to in between, the merged stream is wrong, and \
                 nothing will reveal it. Put a full stream first, or apply the streams one by one",
                next.digests.len()
            )
        }))
    }

    /// Takes a digest of a place that no stream has written to as one of the first base. Yields whether it
    /// could, which depends on the room in the format.
    fn take(&mut self, digest: &BaseDigest, next: Next<'_>) -> anyhow::Result<bool> {
        let end = |digest: &BaseDigest| digest.offset.saturating_add(digest.length);
        let place = self.digests.partition_point(|known| end(known) <= digest.offset);
        match self.digests.get(place) {
            Some(known)
                if (known.offset, known.length, known.kind)
                    == (digest.offset, digest.length, digest.kind) =>
            {
                if known.digest == digest.digest {
                    return Ok(true);
                }
                return Err(differs(next, &baseproof::Error::differs(digest, known.digest)));
            }
            Some(known) if known.offset < end(digest) => return Ok(false),
            _ => {}
        }
        if digest.kind == DigestKind::Root {
            // It is the first base's if that is as large, and nothing else proves it.
            let fits = self.digests.is_empty() && digest.length == self.base_size;
            if fits {
                self.digests.push(*digest);
                self.level = next.header.detect_level;
            }
            return Ok(fits);
        }
        let fits = digest.length <= next.header.chunk_size && self.digests.len() < MOST;
        if fits {
            self.digests.insert(place, *digest);
            // A single range is a head, unless it is more in its own stream; several are a sample.
            self.level = match self.digests.len() {
                1 => self.level.max(next.header.detect_level.min(2)),
                _ => 2,
            };
        }
        Ok(fits)
    }
}

fn compare(
    next: Next<'_>,
    digests: &[BaseDigest],
    mapped: Option<&[Range]>,
    content: &Content<'_>,
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    let content = Interruptible { source: content, interrupt };
    match baseproof::verify(&content, digests, mapped.map(baseproof::mapped_in), &|| {
        interrupt.check()
    }) {
        Ok(()) => Ok(()),
        Err(error) if error.is_mismatch() => Err(differs(next, &error)),
        Err(error) => Err(anyhow::Error::new(error).context(next.name.to_owned())),
    }
}

fn differs(next: Next<'_>, error: &baseproof::Error) -> anyhow::Error {
    let (Next { name, previous, .. }, base) = (next, base_name(next));
    Refusal::base_mismatch(format!(
        "{name} does not follow {previous}, which leads to content other than what it starts from: \
         {error}. {base} was written to after the one stream was made and before the other: make \
         {name} again from a snapshot that nobody writes to, or begin anew with a full stream"
    ))
    .into()
}

fn base_name(next: Next<'_>) -> &str {
    next.header.base.as_ref().map_or("its base", |base| &base.name)
}
