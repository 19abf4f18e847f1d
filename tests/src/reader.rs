//! A reader of streams, made from the text of `docs/stream-format.md` and nothing else: our library has no part in
//! it. It holds a whole stream in memory, and refuses whatever the text says a reader must refuse.

use std::io::Read;

use anyhow::{Context, Result, bail, ensure};

/// What a stream says, and does.
#[derive(Debug, Default)]
pub struct Stream {
    /// What it leads to.
    pub target: Volume,
    /// What it starts from.
    pub base: Option<Volume>,
    /// In bytes.
    pub chunk_size: u64,
    /// 0 to 3.
    pub detect_level: u8,
    /// What data and zeros cover at the most.
    pub changed_bytes: u64,
    /// What is unmapped.
    pub unmapped_bytes: u64,
    /// The disk, its checkpoint, and that of the base.
    pub identity: [String; 3],
    /// The digest of the stream before.
    pub previous: Option<[u8; 32]>,
    /// What the target holds already: where, how much, and its digest.
    pub held: Vec<(u64, u64, [u8; 32])>,
    /// All records.
    pub records: Vec<Record>,
    /// Of the base and of the target.
    pub roots: [Option<[u8; 32]>; 2],
    /// The stream's own.
    pub digest: [u8; 32],
    /// The entries of its index on the lowest level: offset, length, position.
    pub index: Vec<(u64, u64, u64)>,
    /// How many bytes it has.
    pub length: usize,
}

/// A volume.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// Its UUID, or nothing.
    pub uuid: String,
    /// In bytes.
    pub size: u64,
}

/// A record: `bytes` is what a `DATA` record holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// `DATA`, `ZERO` or `DISC`.
    pub kind: [u8; 4],
    /// Where the range begins.
    pub offset: u64,
    /// How long it is.
    pub length: u64,
    /// What it holds.
    pub bytes: Vec<u8>,
}

impl Stream {
    /// Makes of the base's content the target's.
    pub fn apply(&self, base: &[u8]) -> Vec<u8> {
        let mut content = base.to_vec();
        content.resize(self.target.size as usize, 0);
        for record in &self.records {
            let range = &mut content[record.offset as usize..][..record.length as usize];
            match record.bytes.as_slice() {
                [] => range.fill(0),
                bytes => range.copy_from_slice(bytes),
            }
        }
        content
    }
}

const MAGIC: &[u8] = b"HYPERLAYER/2.0\n";
const MOST: usize = 1 << 20;

/// Reads the stream that bytes begin with.
///
/// # Errors
/// What is wrong with it.
pub fn read(bytes: &[u8]) -> Result<Stream> {
    ensure!(bytes.starts_with(MAGIC), "the magic line");
    let mut digest = blake3::Hasher::new();
    digest.update(MAGIC);
    let mut stream = Stream::default();
    let (mut at, mut end) = (MAGIC.len(), 0);
    let mut counts = [0_u64; 6];
    let (mut rest_follows, mut base_frame, mut frames) = (false, None, Vec::new());
    for sequence in 0_u64.. {
        let begin = at;
        let frame = bytes.get(at..at + 80).context("a frame is cut")?;
        let u32_at =
            |place: usize| u32::from_le_bytes(frame[place..place + 4].try_into().expect("4"));
        let u64_at =
            |place: usize| u64::from_le_bytes(frame[place..place + 8].try_into().expect("8"));
        ensure!(blake3::hash(&frame[..72]).as_bytes()[..8] == frame[72..], "the check at {at}");
        ensure!(u64_at(8) == sequence, "the number at {at}");
        let (kind, flags, codec, stored_size) =
            (&frame[..4], u32_at(4), u32_at(36), u32_at(32) as usize);
        ensure!(stored_size <= MOST, "stored_size at {at}");
        let stored = bytes.get(at + 80..at + 80 + stored_size).context("a content is cut")?;
        at += 80 + stored_size;
        if kind != b"TAIL" {
            digest.update(frame);
            if codec != 0 {
                digest.update(stored);
            }
        }
        let known: [&[u8]; 9] =
            [b"HEAD", b"BASE", b"ROOT", b"PART", b"DATA", b"ZERO", b"DISC", b"GRUP", b"TAIL"];
        if !known.contains(&kind) {
            ensure!(flags == 1, "an unknown frame at {begin}");
            if codec == 0 {
                ensure!(*blake3::hash(stored).as_bytes() == frame[40..72], "a digest at {begin}");
            }
            if kind == b"INDX" {
                frames.push((begin as u64, stored.to_vec()));
            }
            continue;
        }
        ensure!(flags == 0, "flags at {begin}");
        let (offset, length) = (u64_at(16), u64_at(24));
        let may_be_packed = kind == b"DATA" || kind == b"GRUP";
        let content = match codec {
            0 => stored.to_vec(),
            1 if may_be_packed && (1..=MOST as u64).contains(&length) => unpacked(stored, length)?,
            _ => bail!("the codec at {begin}"),
        };
        ensure!(!may_be_packed || content.len() as u64 == length, "a length at {begin}");
        if kind != b"GRUP" {
            ensure!(*blake3::hash(&content).as_bytes() == frame[40..72], "a digest at {begin}");
        }
        ensure!((sequence == 0) == (kind == b"HEAD"), "the header comes first, and once");
        if kind == b"HEAD" {
            (rest_follows, base_frame) = header(&content, &mut stream)?;
            continue;
        }
        if let Some(expected) = base_frame.take() {
            ensure!(kind == expected, "the base's digests at {begin}");
            ensure!(expected != b"ROOT" || content.len() == 32, "a root at {begin}");
            ensure!(content.len() >= 32, "no base digest at {begin}");
            continue;
        }
        if std::mem::take(&mut rest_follows) {
            ensure!(kind == b"PART" && !content.is_empty(), "the rest of a stream at {begin}");
            ensure!(content.len().is_multiple_of(48), "ranges at {begin}");
            for entry in content.chunks(48) {
                let (offset, length) = (number(entry, 0), number(entry, 8));
                let next = offset.checked_add(length).context("a range that wraps")?;
                ensure!(offset >= end && length > 0 && next <= stream.target.size, "a range");
                end = next;
                stream.held.push((offset, length, entry[16..].try_into()?));
            }
            continue;
        }
        let records = match kind {
            b"GRUP" => group(&content, offset, &frame[40..72])?,
            b"DATA" | b"ZERO" | b"DISC" => {
                vec![Record { kind: kind.try_into()?, offset, length, bytes: content }]
            }
            b"TAIL" => {
                trailer(&content, &mut stream, &counts, begin as u64, digest)?;
                stream.length = at;
                let top = number(&content, 56);
                if top > 0 {
                    stream.index = index(top, &frames)?;
                }
                return Ok(stream);
            }
            _ => bail!("a frame among the records at {begin}"),
        };
        for record in records {
            let place =
                ["DATA", "ZERO", "DISC"].iter().position(|kind| kind.as_bytes() == record.kind);
            let place = place.context("a record's kind")?;
            let (offset, length) = (record.offset, record.length);
            let next = offset.checked_add(length).context("a record that wraps")?;
            let is_whole = offset.is_multiple_of(512) && length.is_multiple_of(512) && length > 0;
            ensure!(offset >= end && is_whole && next <= stream.target.size, "a range at {begin}");
            let expected = if place == 0 { length } else { 0 };
            ensure!(record.bytes.len() as u64 == expected && expected <= MOST as u64, "a content");
            counts[2 * place] += 1;
            counts[2 * place + 1] += length;
            ensure!(counts[1] + counts[3] <= stream.changed_bytes, "more than was announced");
            ensure!(counts[5] <= stream.unmapped_bytes, "more than was announced");
            end = next;
            stream.records.push(record);
        }
    }
    bail!("it has no trailer")
}

/// What one zstd frame holds, as far as `length` bytes and one more.
fn unpacked(stored: &[u8], length: u64) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    let decoder = ruzstd::decoding::StreamingDecoder::new(stored).context("no zstd frame")?;
    decoder.take(length + 1).read_to_end(&mut content)?;
    Ok(content)
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"))
}

/// Reads the header; yields whether the rest of a stream follows, and the kind of the base's frame.
fn header(content: &[u8], stream: &mut Stream) -> Result<(bool, Option<&'static [u8]>)> {
    let mut rest = content;
    let mut take = |count: usize| -> Result<&[u8]> {
        let (taken, after) = rest.split_at_checked(count).context("the header is cut")?;
        rest = after;
        Ok(taken)
    };
    macro_rules! u64_next {
        () => {
            u64::from_le_bytes(take(8)?.try_into()?)
        };
    }
    macro_rules! text {
        () => {{
            let length = usize::try_from(u64_next!())?;
            ensure!(length <= MOST, "a length in the header");
            String::from_utf8(take(length)?.to_vec())?
        }};
    }
    macro_rules! volume {
        () => {
            Volume { name: text!(), uuid: text!(), size: u64_next!() }
        };
    }
    stream.target = volume!();
    stream.base = match take(1)? {
        [0] => None,
        [1] => Some(volume!()),
        _ => bail!("an option"),
    };
    stream.chunk_size = u64_next!();
    let pairs = u64_next!();
    ensure!(pairs <= MOST as u64, "a number of pairs");
    for _ in 0..pairs {
        let (key, _value) = (text!(), text!());
        ensure!(!key.trim().is_empty(), "a key");
    }
    stream.detect_level = take(1)?[0];
    let _extents = u64_next!();
    (stream.changed_bytes, stream.unmapped_bytes) = (u64_next!(), u64_next!());
    let _tool = text!();
    let _created = u64_next!();
    let undo = take(1)?[0];
    let _base_origin = text!();
    stream.identity = [text!(), text!(), text!()];
    stream.previous = match take(1)? {
        [0] => None,
        [1] => Some(take(32)?.try_into()?),
        _ => bail!("an option"),
    };
    let follows = take(1)?[0];
    ensure!(rest.is_empty() && undo <= 1 && follows <= 1 && undo + follows < 2, "the header's end");
    let kind: Option<&[u8]> = match (stream.detect_level, &stream.base) {
        (0, _) => None,
        (1 | 2, Some(_)) => Some(b"BASE"),
        (3, Some(_)) => Some(b"ROOT"),
        _ => bail!("the detect level"),
    };
    Ok((follows == 1, kind))
}

/// The records of a group; `digest` is its frame's.
fn group(content: &[u8], begin: u64, digest: &[u8]) -> Result<Vec<Record>> {
    ensure!(content.len() >= 8, "a group without a table");
    let count = u32::from_le_bytes(content[..4].try_into()?) as usize;
    let table = count.checked_mul(56).and_then(|bytes| bytes.checked_add(8)).context("a count")?;
    let (table, mut bytes) = content.split_at_checked(table).context("a table that is cut")?;
    ensure!(*blake3::hash(table).as_bytes() == *digest, "a table's digest");
    ensure!(count > 0 && table[4..8] == [0; 4], "a group's head");
    let mut records = Vec::new();
    for entry in table[8..].chunks(56) {
        let (kind, offset, length) = (&entry[..4], number(entry, 8), number(entry, 16));
        ensure!(entry[4..8] == [0; 4], "an entry");
        let taken = if kind == b"DATA" { usize::try_from(length)? } else { 0 };
        let (record, rest) = bytes.split_at_checked(taken).context("a record that is cut")?;
        ensure!(*blake3::hash(record).as_bytes() == entry[24..], "a record's digest");
        records.push(Record { kind: kind.try_into()?, offset, length, bytes: record.to_vec() });
        bytes = rest;
    }
    ensure!(bytes.is_empty() && records[0].offset == begin, "a group's end, or where it begins");
    Ok(records)
}

fn trailer(
    content: &[u8],
    stream: &mut Stream,
    counts: &[u64; 6],
    before: u64,
    mut digest: blake3::Hasher,
) -> Result<()> {
    ensure!(content.len() == 168, "the trailer's size");
    ensure!((0..6).all(|place| number(content, place * 8) == counts[place]), "the counts");
    ensure!(counts[5] == stream.unmapped_bytes, "what was unmapped");
    ensure!(number(content, 48) == before && number(content, 56) < before, "the length");
    let bits = number(content, 64);
    ensure!(bits < 4, "the roots");
    for (place, root) in [72, 104].into_iter().enumerate() {
        let bytes: [u8; 32] = content[root..root + 32].try_into()?;
        match bits >> place & 1 {
            1 => stream.roots[place] = Some(bytes),
            _ => ensure!(bytes == [0; 32], "a root that is not there"),
        }
    }
    stream.digest = *digest.update(&content[..136]).finalize().as_bytes();
    ensure!(stream.digest == content[136..], "the stream's digest");
    Ok(())
}

/// The entries on the lowest level, from the top down.
fn index(top: u64, frames: &[(u64, Vec<u8>)]) -> Result<Vec<(u64, u64, u64)>> {
    let (_, content) = frames.iter().find(|frame| frame.0 == top).context("there is no index")?;
    let mut all = Vec::new();
    for entry in content.chunks(32) {
        let (offset, length, position) = (number(entry, 0), number(entry, 8), number(entry, 16));
        match &entry[24..28] {
            b"INDX" => {
                ensure!(position < top, "an index that points after itself");
                all.extend(index(position, frames)?);
            }
            _ => all.push((offset, length, position)),
        }
    }
    Ok(all)
}
