//! `mangle`: makes flawed streams of sound ones, for the scenarios.
//!
//! It reads a stream on standard input and writes another to standard output. What it knows of the
//! format it has from `docs/stream-format.md` and not from our library, so that an error in the
//! library cannot hide itself here.

use std::io::{self, Read, Write};
use std::ops::Range;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};

const USAGE: &str = "\
usage: mangle OPERATION < STREAM > FLAWED
Frames are counted from 0, which is the header.
  boundaries        one line for each frame: number, kind, first byte, length of frame and content
  cut N             the first N bytes
  flip BIT          one bit inverted; bit 0 is the lowest of the first byte
  swap I J          two frames in each other's place
  drop I            without a frame
  double I          a frame twice
  splice OTHER I    the frames before I, then those of the stream in file OTHER from I on
  records           the records alone, without their numbers and checks, to compare two streams
  rename NAME       the target's name is NAME; digests, checks and trailer are right for it
  rename-base NAME  likewise the base's
  number FIELD N    a number of the header is N; FIELD is target-size, base-size, chunk-size, changed or
                    unmapped; digests, checks and trailer are right for it
  record I KIND OFFSET LENGTH
                    before frame I stands a record of this kind, with zeros for data; likewise, and
                    the trailer counts it
  renumber          every frame's number and check are right for its place
  forge             renumber, and the trailer's length and digest are right as well; its counts stay";

const MAGIC: &[u8] = b"HYPERLAYER/2.0\n";
const FRAME: usize = 80;

// A frame's fields.
const KIND: Range<usize> = 0..4;
const SEQUENCE: Range<usize> = 8..16;
const OFFSET: Range<usize> = 16..24;
const LENGTH: Range<usize> = 24..32;
const STORED: Range<usize> = 32..36;
const CODEC: Range<usize> = 36..40;
const DIGEST: Range<usize> = 40..72;
const CHECK: Range<usize> = 72..80;

/// Where the trailer's content has the length of what comes before the trailer.
const STREAM_LENGTH: Range<usize> = 48..56;
/// Where it has the digest of the stream, which covers the rest of the content as well.
const STREAM_DIGEST: Range<usize> = 136..168;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mangle: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut stream = Vec::new();
    io::stdin().lock().read_to_end(&mut stream)?;
    let number = |word: &str| word.parse::<usize>().with_context(|| format!("{word}: a number?"));
    let flawed = match words[..] {
        ["boundaries"] => boundaries(&stream)?.into_bytes(),
        ["cut", length] => {
            stream.truncate(number(length)?);
            stream
        }
        ["flip", bit] => {
            let bit = number(bit)?;
            *stream.get_mut(bit / 8).context("the stream is shorter")? ^= 1 << (bit % 8);
            stream
        }
        ["swap", one, other] => {
            let mut frames = frames(&stream)?;
            let (one, other) = (number(one)?, number(other)?);
            ensure!(one.max(other) < frames.len(), "no such frame");
            frames.swap(one, other);
            join(&frames)
        }
        ["drop", place] => {
            let mut frames = frames(&stream)?;
            frames.remove(place_in(&frames, place)?);
            join(&frames)
        }
        ["double", place] => {
            let mut frames = frames(&stream)?;
            let place = place_in(&frames, place)?;
            frames.insert(place, frames[place]);
            join(&frames)
        }
        ["splice", other, place] => {
            let other = std::fs::read(other).with_context(|| other.to_owned())?;
            let (head, tail) = (frames(&stream)?, frames(&other)?);
            join(&[&head[..place_in(&head, place)?], &tail[place_in(&tail, place)?..]].concat())
        }
        ["records"] => {
            let mut records: Vec<Vec<u8>> = frames(&stream)?.into_iter().map(Vec::from).collect();
            let others = [*b"HEAD", *b"BASE", *b"ROOT", *b"INDX", *b"TAIL"];
            records.retain(|frame| !others.contains(&kind(frame)));
            for record in &mut records {
                // The number depends on whether there are base digests.
                record[SEQUENCE].fill(0);
                record[CHECK].fill(0);
            }
            records.concat()
        }
        ["rename", name] => rename(&stream, name, false)?,
        ["rename-base", name] => rename(&stream, name, true)?,
        ["number", field, number] => set_number(&stream, field, number.parse()?)?,
        ["record", place, kind, offset, length] => {
            add_record(&stream, number(place)?, kind, offset.parse()?, length.parse()?)?
        }
        ["renumber"] => renumbered(&stream)?,
        ["forge"] => forged(&renumbered(&stream)?)?,
        _ => bail!("{USAGE}"),
    };
    io::stdout().lock().write_all(&flawed)?;
    Ok(())
}

/// The frames, each with its content.
fn frames(stream: &[u8]) -> Result<Vec<&[u8]>> {
    let mut rest = stream.strip_prefix(MAGIC).context("the stream's first line is another")?;
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let stored = rest.get(STORED).and_then(|bytes| bytes.first_chunk());
        let stored = u32::from_le_bytes(*stored.context("the stream ends inside a frame")?);
        let frame = rest.split_at_checked(FRAME + stored as usize);
        let (frame, after) = frame.context("the stream ends inside a frame")?;
        frames.push(frame);
        rest = after;
    }
    Ok(frames)
}

fn join(frames: &[&[u8]]) -> Vec<u8> {
    [MAGIC, &frames.concat()].concat()
}

fn kind(frame: &[u8]) -> [u8; 4] {
    *frame[KIND].first_chunk().expect("a frame has 80 bytes")
}

fn place_in(frames: &[&[u8]], word: &str) -> Result<usize> {
    let place = word.parse().with_context(|| format!("{word}: a number?"))?;
    ensure!(place < frames.len(), "there are {} frames", frames.len());
    Ok(place)
}

fn boundaries(stream: &[u8]) -> Result<String> {
    let mut begin = MAGIC.len();
    let mut lines = String::new();
    for (number, frame) in frames(stream)?.iter().enumerate() {
        let kind = kind(frame).escape_ascii().to_string();
        lines += &format!("{number} {kind} {begin} {}\n", frame.len());
        begin += frame.len();
    }
    Ok(lines)
}

/// The header's content begins with the target: its name (a u64 and as many bytes), its UUID
/// likewise, and its size; then 1 and the base, laid out like the target.
fn rename(stream: &[u8], name: &str, base: bool) -> Result<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = frames(stream)?.into_iter().map(Vec::from).collect();
    let header = all.first_mut().filter(|frame| frame[KIND] == *b"HEAD").context("no header")?;
    let text = |header: &[u8], at: usize| -> Result<Range<usize>> {
        let length = header.get(at..at + 8).context("the header is too short")?;
        let length = u64::from_le_bytes(*length.first_chunk().expect("8 bytes were taken"));
        Ok(at + 8..at + 8 + usize::try_from(length)?)
    };
    let mut old = text(header, FRAME)?;
    if base {
        let uuid = text(header, old.end)?;
        let size_and_option = 8 + 1;
        old = text(header, uuid.end + size_and_option)?;
    }
    let field = [&(name.len() as u64).to_le_bytes(), name.as_bytes()].concat();
    header.splice(old.start - 8..old.end, field);
    let stored = u32::try_from(header.len() - FRAME)?;
    header[STORED].copy_from_slice(&stored.to_le_bytes());
    seal(header);
    let frames: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
    forged(&join(&frames))
}

/// After the two volumes stand the chunk's size, a count and as many pairs of texts, the detect
/// level of a byte, the number of extents, and the two sums.
fn set_number(stream: &[u8], field: &str, number: u64) -> Result<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = frames(stream)?.into_iter().map(Vec::from).collect();
    let header = all.first_mut().filter(|frame| frame[KIND] == *b"HEAD").context("no header")?;
    let u64_at = |at: usize| -> Result<usize> {
        let bytes = header.get(at..at + 8).context("the header is too short")?;
        Ok(usize::try_from(u64::from_le_bytes(*bytes.first_chunk().expect("8 bytes were taken")))?)
    };
    let behind_text = |at: usize| -> Result<usize> { Ok(at + 8 + u64_at(at)?) };
    let target_size = behind_text(behind_text(FRAME)?)?;
    let option = target_size + 8;
    let has_base = header.get(option) == Some(&1);
    let base_size = if has_base { behind_text(behind_text(option + 1)?)? } else { option };
    let chunk_size = if has_base { base_size + 8 } else { option + 1 };
    let mut detect_level = chunk_size + 16;
    for _ in 0..2 * u64_at(chunk_size + 8)? {
        detect_level = behind_text(detect_level)?;
    }
    let place = match field {
        "target-size" => target_size,
        "base-size" if has_base => base_size,
        "chunk-size" => chunk_size,
        "changed" => detect_level + 9,
        "unmapped" => detect_level + 17,
        _ => bail!("{field}: no such field"),
    };
    header[place..place + 8].copy_from_slice(&number.to_le_bytes());
    seal(header);
    let frames: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
    forged(&join(&frames))
}

fn add_record(stream: &[u8], at: usize, kind: &str, offset: u64, length: u64) -> Result<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = frames(stream)?.into_iter().map(Vec::from).collect();
    ensure!(at < all.len(), "there are {} frames", all.len());
    let counted = ["DATA", "ZERO", "DISC"].iter().position(|known| *known == kind);
    let counted = counted.context("KIND is DATA, ZERO or DISC")?;
    let data = if kind == "DATA" { vec![0; usize::try_from(length)?] } else { Vec::new() };
    let mut record = kind.as_bytes().to_vec();
    record.resize(FRAME, 0);
    record[OFFSET].copy_from_slice(&offset.to_le_bytes());
    record[LENGTH].copy_from_slice(&length.to_le_bytes());
    record[STORED].copy_from_slice(&u32::try_from(data.len())?.to_le_bytes());
    record.extend(data);
    let trailer = all.last_mut().context("no trailer")?;
    for (field, more) in [(2 * counted, 1), (2 * counted + 1, length)] {
        let field = trailer.get_mut(FRAME + 8 * field..).and_then(|rest| rest.first_chunk_mut());
        let field: &mut [u8; 8] = field.context("the trailer is too short")?;
        *field = u64::from_le_bytes(*field).wrapping_add(more).to_le_bytes();
    }
    all.insert(at, record);
    let frames: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
    forged(&renumbered(&join(&frames))?)
}

fn renumbered(stream: &[u8]) -> Result<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = frames(stream)?.into_iter().map(Vec::from).collect();
    for (number, frame) in all.iter_mut().enumerate() {
        frame[SEQUENCE].copy_from_slice(&(number as u64).to_le_bytes());
        seal(frame);
    }
    let frames: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
    Ok(join(&frames))
}

/// The trailer's length and digest, made right for what comes before the trailer.
fn forged(stream: &[u8]) -> Result<Vec<u8>> {
    let mut frames = frames(stream)?;
    let mut trailer =
        frames.pop().filter(|frame| kind(frame) == *b"TAIL").context("no trailer")?.to_vec();
    let before = join(&frames);
    let content = &mut trailer[FRAME..];
    ensure!(content.len() == STREAM_DIGEST.end, "a trailer of another size");
    let mut digest = blake3::Hasher::new();
    digest.update(MAGIC);
    for frame in &frames {
        // Stored bytes count by their own digest, or, with a codec, as they are.
        let raw = frame[CODEC] == [0; 4];
        digest.update(if raw { &frame[..FRAME] } else { frame });
    }
    content[STREAM_LENGTH].copy_from_slice(&(before.len() as u64).to_le_bytes());
    digest.update(&content[..STREAM_DIGEST.start]);
    content[STREAM_DIGEST].copy_from_slice(digest.finalize().as_bytes());
    seal(&mut trailer);
    Ok([before, trailer].concat())
}

/// Makes a frame's digest and check right for what is in it.
fn seal(frame: &mut [u8]) {
    let digest = blake3::hash(&frame[FRAME..]);
    frame[DIGEST].copy_from_slice(digest.as_bytes());
    let check = blake3::hash(&frame[..CHECK.start]);
    frame[CHECK].copy_from_slice(&check.as_bytes()[..CHECK.len()]);
}
