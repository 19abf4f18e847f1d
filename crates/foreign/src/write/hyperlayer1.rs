//! [`Hyperlayer1`]: the stream HYPERLAYER/1.0, which the original lvpatch reads.
//!
//! A line `HYPERLAYER/1.0`, a header in lines of YAML and an empty line; at detect levels above 0
//! lines `D OFFSET LENGTH CRC32 CRC` and an empty line; then `W OFFSET LENGTH`, a line feed, the
//! content and a line feed for every chunk. Offsets and lengths are in sectors, in hexadecimal.

use std::io::Write;

use super::blocks::{Blocks, Filler};
use super::yaml::scalar;
use crate::Result;
use crate::read::hyperlayer1::KEYS;
use hyperlayer::{BaseChecksum, Error, Finished, Header, Packed, RecordSink, Roots, SECTOR};

/// Writes one stream, front to back: whole chunks with all their content, including zeros. Unmapped chunks are
/// written as zeros.
pub struct Hyperlayer1<W> {
    filler: Filler<W, Chunks>,
}

struct Chunks {
    chunk_size: u64,
    volume_size: u64,
    /// How many of the announced chunks are still to come.
    ahead: u64,
}

impl<W: Write> Hyperlayer1<W> {
    /// Writes the header and the base's checksums; without any, the detect level in the stream is 0. The
    /// header's changed and unmapped bytes must be whole chunks, except for the volume's last one.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the format cannot express this, before anything is written: the header is invalid,
    /// there is no base, the base's size differs, a pair uses a key of the header or is not a single line, or a
    /// checksum's range is not whole sectors; [`Error::Io`] if `output` fails.
    pub fn new(mut output: W, header: &Header, base_checksums: &[BaseChecksum]) -> Result<Self> {
        header.to_bytes()?;
        let base = match &header.base {
            Some(base) if base.size == header.target.size => base,
            Some(base) => {
                return Err(Error::Invalid(format!(
                    "HYPERLAYER/1.0 cannot resize: the base has {} bytes, the target {}",
                    base.size, header.target.size
                )));
            }
            None => return Err(Error::Invalid("HYPERLAYER/1.0 needs a base".into())),
        };
        let bytes = header.changed_bytes.saturating_add(header.unmapped_bytes);
        let blocks = bytes
            .checked_div(header.chunk_size)
            .ok_or_else(|| Error::Invalid("a chunk size of 0 bytes".into()))?;
        let rest = bytes.checked_rem(header.chunk_size).unwrap_or(0);
        let blocks = blocks.saturating_add(u64::from(rest > 0));
        let level = if base_checksums.is_empty() { 0 } else { header.detect_level };

        let mut text = String::from("HYPERLAYER/1.0\n");
        let values = [
            scalar(&header.target.name),
            header.target.size.to_string(),
            header.chunk_size.to_string(),
            blocks.to_string(),
            scalar(&header.target.uuid),
            level.to_string(),
            scalar(&base.uuid),
        ];
        let own = KEYS.into_iter().zip(&values).map(|(key, value)| format!("{key}: {value}\n"));
        text.extend(own);
        for (key, value) in &header.pairs {
            text.push_str(&pair(key, value)?);
        }
        text.push('\n');
        for BaseChecksum { offset, length, crc32 } in base_checksums {
            let (offset, length) = (sectors(*offset)?, sectors(*length)?);
            text.push_str(&format!("D {offset:X} {length:X} CRC32 {crc32:x}\n"));
        }
        if !base_checksums.is_empty() {
            text.push('\n');
        }
        output.write_all(text.as_bytes())?;
        let (chunk_size, volume_size) = (header.chunk_size, header.target.size);
        let filler = Filler::new(output, Chunks { chunk_size, volume_size, ahead: blocks });
        Ok(Self { filler })
    }
}

/// Checks that a HYPERLAYER/1.0 header can express these pairs.
///
/// # Errors
/// [`Error::Invalid`] if it cannot: a key is one of the header's own, or a pair is not a single line.
pub fn check_pairs_for_hyperlayer1(pairs: &[(String, String)]) -> Result<()> {
    pairs.iter().try_for_each(|(key, value)| pair(key, value).map(drop))
}

/// A pair as a line.
fn pair(key: &str, value: &str) -> Result<String> {
    if KEYS.contains(&key) {
        return Err(Error::Invalid(format!(
            "a pair {key:?}, which is a key of the header of HYPERLAYER/1.0: choose another name"
        )));
    }
    if [key, value].iter().any(|text| text.chars().any(char::is_control)) {
        return Err(Error::Invalid(format!(
            "the pair {key:?}: in HYPERLAYER/1.0 it is one line, without control characters"
        )));
    }
    Ok(format!("{}: {}\n", scalar(key), scalar(value)))
}

/// Converts bytes to sectors.
fn sectors(bytes: u64) -> Result<u64> {
    match bytes.is_multiple_of(SECTOR) {
        true => Ok(bytes / SECTOR),
        false => Err(Error::Invalid(format!("{bytes} bytes are not whole sectors"))),
    }
}

impl<W: Write> RecordSink for Hyperlayer1<W> {
    type Output = W;

    fn packed_data(&mut self, offset: u64, bytes: &[u8], _: &Packed) -> Result<()> {
        self.filler.data(offset, bytes)
    }

    fn zero(&mut self, offset: u64, length: u64) -> Result<()> {
        self.filler.zero(offset, length)
    }

    fn discard(&mut self, offset: u64, length: u64) -> Result<()> {
        // The format cannot express a discard. It becomes zeros, and counts as such.
        self.zero(offset, length)
    }

    fn finish(self) -> Result<(W, Finished)> {
        self.filler.check_filled()?;
        if self.filler.blocks.ahead > 0 {
            return Err(Error::Invalid(format!(
                "{} chunks fewer than the header says",
                self.filler.blocks.ahead
            )));
        }
        let (mut output, totals) = (self.filler.output, self.filler.totals);
        output.flush()?;
        Ok((output, Finished { totals, digest: None, roots: Roots::default() }))
    }
}

impl Blocks for Chunks {
    const TAIL: &'static [u8] = b"\n";

    fn begin(&mut self, offset: u64) -> Result<(u64, Vec<u8>)> {
        let left = self.volume_size.saturating_sub(offset);
        if !offset.is_multiple_of(self.chunk_size) || left == 0 {
            return Err(Error::Invalid(format!(
                "no chunk of {} bytes begins at offset {offset}, in a volume of {} bytes",
                self.chunk_size, self.volume_size
            )));
        }
        self.ahead = self.ahead.checked_sub(1).ok_or_else(|| {
            Error::Invalid(format!("a chunk at offset {offset}, more than the header says"))
        })?;
        let length = self.chunk_size.min(left);
        let line = format!("W {:X} {:X}\n", sectors(offset)?, sectors(length)?);
        Ok((length, line.into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperlayer::{Identity, Volume};

    fn header(changed_bytes: u64, unmapped_bytes: u64) -> Header {
        let volume = |name: &str| Volume { name: name.into(), uuid: String::new(), size: 5120 };
        Header {
            target: volume("new"),
            base: Some(volume("old")),
            chunk_size: 2048,
            pairs: vec![("Note".into(), "a: b".into())],
            detect_level: 1,
            extents: 1,
            changed_bytes,
            unmapped_bytes,
            tool: "test".into(),
            created: 0,
            undo: false,
            base_origin: String::new(),
            identity: Identity::default(),
            rest: false,
        }
    }

    #[test]
    fn chunks_are_whole_however_their_content_comes() {
        let crc = BaseChecksum { offset: 2048, length: 2048, crc32: 0xab };
        let mut stream = Hyperlayer1::new(Vec::new(), &header(3072, 2048), &[crc]).unwrap();
        stream.packed_data(0, &[7; 512], &Packed::plain(&[])).unwrap();
        stream.zero(512, 1536).unwrap();
        stream.discard(2048, 2048).unwrap();
        stream.packed_data(4096, &[8; 1024], &Packed::plain(&[])).unwrap();
        let (stream, _) = stream.finish().unwrap();
        let text = b"HYPERLAYER/1.0\nName: new\nVolume size: 5120\nChunk size: 2048\n\
            Delta blocks: 3\nVolumeUUID: \"\"\nDetect level: 1\nBacking volumeUUID: \"\"\n\
            Note: \"a: b\"\n\nD 4 4 CRC32 ab\n\nW 0 4\n";
        let mut expected = [&text[..], &[7; 512], &[0; 1536], b"\nW 4 4\n", &[0; 2048]].concat();
        expected.extend([b"\nW 8 2\n", &[8; 1024][..], b"\n"].concat());
        assert!(stream == expected);
    }

    #[test]
    fn what_the_format_cannot_carry_is_refused() {
        let refused = |change: fn(&mut Header)| {
            let mut header = header(2048, 0);
            change(&mut header);
            assert!(Hyperlayer1::new(Vec::new(), &header, &[]).is_err(), "{header:?}");
        };
        refused(|header| header.base = None);
        refused(|header| header.target.size = 4096);
        refused(|header| header.pairs = vec![("Name".into(), "x".into())]);
        refused(|header| header.pairs = vec![("a".into(), "x\n\ny".into())]);
        refused(|header| header.chunk_size = 0);

        let new = || Hyperlayer1::new(Vec::new(), &header(2048, 0), &[]).unwrap();
        // Inside a chunk, after the end, too many, too few, and part of one.
        assert!(new().zero(512, 512).is_err());
        assert!(new().zero(6144, 512).is_err());
        assert!(new().zero(0, 4096).is_err());
        assert!(new().finish().is_err());
        let mut stream = new();
        stream.zero(0, 512).unwrap();
        assert!(stream.finish().is_err());
    }
}
