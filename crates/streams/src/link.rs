//! [`Link`]: one stream of a chain, and whether it follows another one.

use anyhow::Context;
use flow::{Input, Refusal, WayOut, escaped};
use foreign::{AnyDecoder, Foreign};
use hyperlayer::{DigestKind, Header, Outline, Records};

/// One stream of a chain.
pub struct Link {
    /// For messages: its source.
    pub name: String,
    /// Its records.
    pub decoder: AnyDecoder<Input>,
    /// It has a checksum next to it.
    pub has_checksum: bool,
    /// Its records are known to ascend.
    pub ascends: bool,
    /// Nothing can follow it, whatever its header says.
    pub(crate) is_differential: bool,
    /// The UUID of the virtual machine it belongs to.
    pub(crate) machine: Option<String>,
    /// The root that the previous stream leads to, from which this one starts.
    pub(crate) expected_root: Option<[u8; 32]>,
}

/// What is known about a stream once it has been read.
pub(crate) struct Previous {
    pub(crate) name: String,
    pub(crate) header: Header,
    pub(crate) foreign: Option<Foreign>,
    pub(crate) is_differential: bool,
    pub(crate) machine: Option<String>,
    /// The stream's digest, if its format has one.
    pub(crate) digest: Option<[u8; 32]>,
    /// The root of what it leads to, if it says that.
    pub(crate) root: Option<[u8; 32]>,
}

impl Link {
    /// Its header.
    pub fn header(&self) -> &Header {
        self.decoder.header()
    }

    /// Whether it names the volume it leads to.
    pub fn is_named(&self) -> bool {
        self.decoder.foreign().is_none_or(|foreign| foreign.name.is_some())
    }

    /// Whether the header announces how much is written at most.
    pub fn announces(&self) -> bool {
        self.decoder.foreign().is_none_or(|foreign| foreign.changed.is_some())
    }

    /// Whether the format can tell a cut stream from a complete one.
    pub fn has_end(&self) -> bool {
        self.decoder.foreign().is_none_or(Foreign::has_end)
    }

    /// Checks the root it starts from, once its trailer has been read, against the root that the previous stream
    /// leads to.
    ///
    /// # Errors
    /// [`Refusal::base_mismatch`].
    pub fn check_root(&self) -> Result<(), Refusal> {
        check_roots(self.expected_root, self.base_root()).map_err(|why| {
            let name = &self.name;
            Refusal::base_mismatch(format!("{name} does not follow the stream before it: {why}"))
        })
    }

    /// The root it starts from, as far as it has been read.
    pub(crate) fn base_root(&self) -> Option<[u8; 32]> {
        // An undo stream proves what it leads back to.
        let root = self.decoder.base_digests().first().filter(|_| !self.header().undo);
        let root = root.filter(|digest| digest.kind == DigestKind::Root).map(|root| root.digest);
        root.or(self.decoder.roots().base)
    }

    /// Reads all records, which must ascend.
    ///
    /// # Errors
    /// [`Refusal::usage`] if they do not; otherwise what is wrong with the stream.
    pub(crate) fn check_order(&mut self) -> anyhow::Result<()> {
        let mut end = 0;
        while let Some(record) = self.decoder.next_record().with_context(|| self.name.clone())? {
            if record.offset() < end {
                return Err(Refusal::usage(format!(
                    "{}: its records do not ascend, so what they overwrite cannot be kept",
                    self.name
                ))
                .but(WayOut::KeepNothing)
                .into());
            }
            end = record.offset() + record.length();
        }
        Ok(())
    }

    /// Refuses a stream that does not follow `previous`. With `ignores_dates`, an older one only gets
    /// a warning.
    ///
    /// # Errors
    /// [`Refusal::base_mismatch`].
    pub(crate) fn check_follows(
        &self,
        previous: &Previous,
        ignores_dates: bool,
    ) -> Result<(), Refusal> {
        let refused = |why: String| {
            Refusal::base_mismatch(format!(
                "{} does not follow the stream before it: {why} (before it: {})",
                self.name, previous.name
            ))
        };
        if previous.is_differential {
            return Err(refused(
                "the previous one is differential, which leads to no checkpoint: of an increment, \
                 the base is another increment"
                    .into(),
            ));
        }
        if self.decoder.foreign().is_some() && previous.foreign.is_some() {
            foreign::check_machine(self.machine.as_deref(), previous.machine.as_deref())
                .map_err(refused)?;
        }
        self.header().follows(&previous.header, previous.digest).map_err(refused)?;
        check_roots(previous.root, self.base_root()).map_err(refused)?;
        if let (Some(foreign), Some(before)) = (self.decoder.foreign(), &previous.foreign)
            && let Err(why) = foreign.check_date(before)
        {
            if !ignores_dates {
                let why =
                    format!("{why}: it belongs to another set, unless the clock was set back");
                return Err(refused(why).but(WayOut::SkipProof));
            }
            log::warn!("{}: {why} (before it: {})", escaped(&self.name), escaped(&previous.name));
        }
        Ok(())
    }
}

/// Whether one stream in a file can be applied to what another one makes, and why not.
pub(crate) fn follows(next: &Outline, before: &Outline) -> Result<(), String> {
    next.header.follows(&before.header, Some(before.stream_digest))?;
    check_roots(before.roots.target, next.base_root())
}

/// Checks the root that a stream leads to against the root the next one starts from, if both state it.
pub(crate) fn check_roots(
    expected: Option<[u8; 32]>,
    found: Option<[u8; 32]>,
) -> Result<(), String> {
    match (expected, found) {
        (Some(expected), Some(found)) if expected != found => Err(
            "it starts from different content than that one leads to: the volume was written to \
             in between"
                .into(),
        ),
        _ => Ok(()),
    }
}
