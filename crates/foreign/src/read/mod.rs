//! Streams of other tools, each format in a file of its own: their records become ours.

mod any;
mod follows;
pub(crate) mod hyperlayer1;
mod lvbackup;
mod lvmsync;
mod source;
pub(crate) mod thin_send;
mod virtnbdbackup;

use std::io::Read;

pub use any::{AnyDecoder, Input, Unfinished};
pub use follows::LocalTime;
pub use virtnbdbackup::{is as is_virtnbdbackup, virtnbdbackup_is_alone};

use self::source::{Source, damaged};
use crate::Result;
use hyperlayer::{
    BaseChecksum, BaseDigest, DecoderState, Error, Header, Record, Records, SECTOR, Totals, Volume,
};

/// The largest volume, where nothing is known of its size.
const MOST: u64 = i64::MAX as u64 - (SECTOR - 1);
/// Where neither the stream nor the reader knows one.
const CHUNK: u64 = 65536;

const NO_CHECKSUMS: &str = "no checksums";
const NO_END: &str = "its end cannot be verified";
const NO_IDENTITY: &str = "no identity of the base";
/// What a stream lacks that may be silent about ranges that have changed: they show old data.
pub const LEFT_OUT: &str = "what became a hole may be left out";

/// What a stream of another tool says of itself, and what it cannot promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// The format's name.
    pub format: &'static str,
    /// What the format cannot promise, in short phrases; nothing where it is as good as ours.
    pub lacks: Vec<&'static str>,
    /// The volume's name.
    pub name: Option<String>,
    /// The volume's UUID, or what else it is known by; empty where it has none.
    pub uuid: String,
    /// The disk that it is of: it has the same name in every stream of a chain.
    pub disk: Option<String>,
    /// When it was made.
    pub made: Option<LocalTime>,
    /// The volume's size in bytes.
    pub size: Option<u64>,
    /// Whether the base must be of the same size.
    pub base_has_its_size: bool,
    /// The unit of allocation, in bytes.
    pub chunk_size: Option<u64>,
    /// How many bytes change at the most.
    pub changed: Option<u64>,
    /// What it starts from.
    pub starts: Start,
    /// Keys and values that the user gave.
    pub pairs: Vec<(String, String)>,
    /// How the base was proved.
    pub detect_level: u8,
    /// What the base must hold.
    pub base_checksums: Vec<BaseChecksum>,
    /// Data that is all zeros stands for zeros and for holes.
    zeros_are_holes: bool,
    /// What may stand behind it.
    followed_by: FollowedBy,
}

/// What may stand behind a stream's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FollowedBy {
    Nothing,
    LvBackup,
    VirtNbdBackup,
}

impl FollowedBy {
    /// Enough to tell whether a stream begins.
    const FIRST: usize = virtnbdbackup::FIRST.len();

    /// Whether another stream begins with these bytes, which are all that is there or enough to tell.
    fn begins(self, first: &[u8]) -> bool {
        match self {
            Self::Nothing => false,
            Self::LvBackup => lvbackup::is(first) || lvbackup::is_cut(first),
            Self::VirtNbdBackup => virtnbdbackup::FIRST.starts_with(first),
        }
    }
}

/// What a stream of another tool starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// It is a full one.
    Nothing,
    /// A volume, with its UUID, if that is known.
    Base {
        /// What the base is known by; empty where it has none.
        uuid: String,
    },
    /// The format does not say.
    Unknown,
}

/// What the reader knows of what a stream does not say. Where both do, the stream is right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// The new volume's name.
    pub name: Option<String>,
    /// The volume that the stream is meant for; none where it starts from nothing.
    pub base: Option<Volume>,
    /// The new volume's size in bytes; else it is that of the base.
    pub size: Option<u64>,
    /// The unit of allocation, in bytes.
    pub chunk_size: Option<u64>,
}

impl Foreign {
    fn new(format: &'static str) -> Self {
        Self {
            format,
            lacks: Vec::new(),
            name: None,
            uuid: String::new(),
            disk: None,
            made: None,
            size: None,
            base_has_its_size: false,
            chunk_size: None,
            changed: None,
            starts: Start::Unknown,
            pairs: Vec::new(),
            detect_level: 0,
            base_checksums: Vec::new(),
            zeros_are_holes: false,
            followed_by: FollowedBy::Nothing,
        }
    }

    /// Whether a stream that is cut is told from one that is whole.
    pub fn has_end(&self) -> bool {
        !self.lacks.contains(&NO_END)
    }

    /// What it cannot promise; `has_checksum` is for one that has a checksum beside it.
    pub fn lacks(&self, has_checksum: bool) -> Vec<&'static str> {
        let is_there = |lack: &&str| has_checksum && *lack == NO_CHECKSUMS;
        self.lacks.iter().filter(|lack| !is_there(lack)).copied().collect()
    }

    /// Whether another stream may stand behind it.
    pub fn may_be_followed(&self) -> bool {
        self.followed_by != FollowedBy::Nothing
    }

    /// The header that ours would be. What nobody knows is as large as can be.
    fn header(&self, missing: &Missing) -> std::result::Result<Header, String> {
        let base_size = missing.base.as_ref().map(|base| base.size);
        let size = self.size.or(missing.size).or(base_size).unwrap_or(MOST);
        let base = |uuid: &str| {
            let known = missing.base.as_ref();
            Volume {
                name: known.map_or("base", |base| &base.name).into(),
                uuid: uuid.into(),
                // No volume shrinks by what a format does not say: a larger base is a wrong one.
                size: match base_size {
                    Some(base_size) if !self.base_has_its_size => base_size.min(size),
                    _ => size,
                },
            }
        };
        let name = self.name.as_ref().or(missing.name.as_ref());
        let header = Header {
            target: Volume {
                name: name.map_or("volume", |name| name).into(),
                uuid: self.uuid.clone(),
                size,
            },
            base: match &self.starts {
                Start::Nothing => None,
                // A stream that was converted knows it by a longer name.
                Start::Base { uuid } => match &missing.base {
                    Some(known) if known.uuid == self.with_disk(uuid) => Some(base(&known.uuid)),
                    _ => Some(base(uuid)),
                },
                Start::Unknown => missing.base.as_ref().map(|known| base(&known.uuid)),
            },
            chunk_size: self.chunk_size.or(missing.chunk_size).unwrap_or(CHUNK),
            pairs: self.pairs.clone(),
            detect_level: self.detect_level,
            // No more than there are blocks.
            extents: self
                .changed
                .zip(self.chunk_size)
                .and_then(|(bytes, chunk)| bytes.checked_div(chunk))
                .unwrap_or(0),
            changed_bytes: self.changed.unwrap_or(0),
            unmapped_bytes: 0,
            tool: self.format.into(),
            created: 0,
            undo: false,
            base_origin: String::new(),
        };
        header.validate()?;
        Ok(header)
    }
}

/// What a record of another format is.
enum What {
    Data,
    Zero,
    Discard,
}

/// A record of another format, whose range was held against the volume.
struct Change {
    what: What,
    offset: u64,
    length: u64,
}

/// The records of one format.
trait Format<R: Read>: Send {
    /// The next record, with its data in `buf`; `None` once the stream's end was found right.
    fn next(&mut self, source: &mut Source<R>, buf: &mut Vec<u8>) -> Result<Option<Change>>;
}

/// Reads one stream of another tool, front to back; it comes from [`Unfinished::complete`] alone. Memory:
/// one record; with lvbackup a block, with compressed streams of virtnbdbackup a frame, and its blocks'
/// sizes.
pub struct ForeignDecoder<R: Read> {
    source: Source<R>,
    format: Box<dyn Format<R>>,
    foreign: Foreign,
    header: Header,
    buf: Vec<u8>,
    totals: Totals,
    state: DecoderState,
}

/// Whether a stream that begins like this is one of another tool.
fn is_foreign(first: &[u8]) -> bool {
    hyperlayer1::is(first)
        || thin_send::is(first)
        || lvmsync::is(first)
        || virtnbdbackup::is(first)
        || lvbackup::is(first)
}

impl<R: Read> ForeignDecoder<R> {
    /// Reads up to the first record; `first` are the bytes that [`is_foreign`] has seen.
    fn begin(first: &[u8], mut source: Source<R>) -> Result<Self> {
        let at = source.at();
        let (format, foreign): (Box<dyn Format<R>>, Foreign) = if hyperlayer1::is(first) {
            let (format, foreign) = hyperlayer1::begin(&mut source)?;
            (Box::new(format), foreign)
        } else if lvmsync::is(first) {
            let (format, foreign) = lvmsync::begin(&mut source)?;
            (Box::new(format), foreign)
        } else if virtnbdbackup::is(first) {
            let (format, foreign) = virtnbdbackup::begin(&mut source)?;
            (Box::new(format), foreign)
        } else if lvbackup::is(first) {
            let (format, foreign) = lvbackup::begin(&mut source)?;
            (Box::new(format), foreign)
        } else {
            let (format, foreign) = thin_send::begin(first);
            (Box::new(format), foreign)
        };
        let header = foreign.header(&Missing::default()).map_err(|reason| damaged(at, reason))?;
        source.size = header.target.size;
        let (buf, totals, state) = (Vec::new(), Totals::default(), DecoderState::Records);
        Ok(Self { source, format, foreign, header, buf, totals, state })
    }

    /// What the stream says of itself.
    pub fn foreign(&self) -> &Foreign {
        &self.foreign
    }

    /// Fills in what the stream does not say, before any record is taken.
    fn complete(&mut self, missing: &Missing) -> Result<()> {
        let header = self.foreign.header(missing);
        self.header = header.map_err(|reason| damaged(self.source.at(), reason))?;
        self.source.size = self.header.target.size;
        Ok(())
    }

    fn next_stream(mut self) -> Result<Option<Self>> {
        while self.next_record()?.is_some() {}
        let first = self.source.peek(FollowedBy::FIRST)?;
        if first.is_empty() {
            return Ok(None);
        }
        if !self.foreign.followed_by.begins(&first) {
            let reason = "the input goes on behind the stream's end: there stands no other stream";
            return Err(damaged(self.source.at(), reason.into()));
        }
        if !is_foreign(&first) {
            let at = self.source.at().saturating_add(first.len() as u64);
            return Err(Error::Cut { at, inside: "the next stream's beginning" });
        }
        Self::begin(&first, self.source).map(Some)
    }

    fn advance(&mut self) -> Result<Option<Change>> {
        let Some(mut change) = self.format.next(&mut self.source, &mut self.buf)? else {
            return Ok(None);
        };
        if matches!(change.what, What::Data)
            && self.foreign.zeros_are_holes
            && self.buf.iter().all(|byte| *byte == 0)
        {
            change.what = What::Zero;
        }
        self.totals.add(&record(&change, &self.buf));
        Ok(Some(change))
    }
}

impl<R: Read> Records for ForeignDecoder<R> {
    fn header(&self) -> &Header {
        &self.header
    }

    fn base_digests(&self) -> &[BaseDigest] {
        &[]
    }

    fn base_checksums(&self) -> &[BaseChecksum] {
        &self.foreign.base_checksums
    }

    fn ascend(&self) -> bool {
        false
    }

    fn next_record(&mut self) -> Result<Option<Record<'_>>> {
        if !self.state.begin(self.source.at())? {
            return Ok(None);
        }
        let change = self.advance()?;
        self.state.came(change.is_some());
        Ok(change.map(|change| record(&change, &self.buf)))
    }

    fn totals(&self) -> Totals {
        self.totals
    }

    fn finish(&mut self) -> Result<Totals> {
        while self.next_record()?.is_some() {}
        self.source.expect_end()?;
        Ok(self.totals)
    }
}

fn record<'a>(change: &Change, bytes: &'a [u8]) -> Record<'a> {
    let (offset, length) = (change.offset, change.length);
    match change.what {
        What::Data => Record::Data { offset, bytes },
        What::Zero => Record::Zero { offset, length },
        What::Discard => Record::Discard { offset, length },
    }
}
