//! [`Summed`]: checks a file, while it is read, against the checksum that virtnbdbackup left next to it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use flow::Refusal;

/// The Adler-32 of a stream's file, which virtnbdbackup keeps in `FILE.chksum`, in decimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksum {
    path: PathBuf,
    expected: u32,
}

impl Checksum {
    /// The checksum next to the file at `path`; `None` if there is none, or if the file is not one of
    /// virtnbdbackup's: there it may mean something else.
    ///
    /// # Errors
    /// If it cannot be read, or is no such checksum (exit code 4).
    pub fn beside(path: &Path, file: &File) -> anyhow::Result<Option<Self>> {
        let mut first = [0; 16];
        if !file.metadata()?.is_file() || file.read_exact_at(&mut first, 0).is_err() {
            return Ok(None);
        }
        if !crate::is_virtnbdbackup(&first) {
            return Ok(None);
        }
        let mut path = path.as_os_str().to_owned();
        path.push(".chksum");
        let path = PathBuf::from(path);
        let name = || path.display().to_string();
        let mut text = Vec::new();
        match fs::metadata(&path) {
            // Opening a FIFO would wait for its other end.
            Ok(found) if !found.is_file() => {}
            Ok(_) => {
                _ = File::open(&path)
                    .with_context(name)?
                    .take(64)
                    .read_to_end(&mut text)
                    .with_context(name)?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(name),
        }
        let digits = text.trim_ascii();
        let number = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok());
        match number.filter(|_| digits.iter().all(u8::is_ascii_digit)) {
            Some(expected) => Ok(Some(Self { path, expected })),
            None => Err(Refusal::unverifiable(format!(
                "{}: \"{}\" is not an Adler-32 in decimal digits, which virtnbdbackup writes \
                 there; without this file the data is applied without a checksum",
                name(),
                digits.escape_ascii()
            ))
            .into()),
        }
    }
}

/// A reader that fails at its end if the checksum differs.
pub struct Summed<R> {
    input: R,
    checksum: Option<Checksum>,
    sum: Adler32,
    at: u64,
}

impl<R> Summed<R> {
    /// Reads `input` from its beginning.
    pub fn new(input: R, checksum: Option<Checksum>) -> Self {
        Self { input, checksum, sum: Adler32::default(), at: 0 }
    }
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buf)?;
        let Some(Checksum { path, expected }) = &self.checksum else { return Ok(length) };
        self.sum.add(&buf[..length]);
        self.at += length as u64;
        let found = self.sum.value();
        if length == 0 && !buf.is_empty() && found != *expected {
            let reason = format!(
                "up to here its Adler-32 is {found}, expected {expected}, which is in {}",
                path.display()
            );
            return Err(io::Error::other(hyperlayer::Error::Damaged { at: self.at, reason }));
        }
        Ok(length)
    }
}

/// The checksum of RFC 1950.
struct Adler32 {
    one: u32,
    two: u32,
}

impl Default for Adler32 {
    fn default() -> Self {
        Self { one: 1, two: 0 }
    }
}

impl Adler32 {
    /// The largest prime below 2^16.
    const MODULUS: u32 = 65521;

    fn add(&mut self, bytes: &[u8]) {
        // As many bytes as can be added up in 32 bits before taking the remainder.
        for piece in bytes.chunks(5552) {
            for byte in piece {
                self.one += u32::from(*byte);
                self.two += self.one;
            }
            self.one %= Self::MODULUS;
            self.two %= Self::MODULUS;
        }
    }

    fn value(&self) -> u32 {
        self.two << 16 | self.one
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adler32(bytes: &[u8]) -> u32 {
        let mut sum = Adler32::default();
        let (one, two) = bytes.split_at(bytes.len() / 3);
        sum.add(one);
        sum.add(two);
        sum.value()
    }

    #[test]
    fn sums_are_those_of_zlib() {
        assert_eq!(adler32(b""), 1);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
        // zlib.adler32(b"\xff" * 1000000)
        assert_eq!(adler32(&[255; 1_000_000]), 0x3843e1be);
    }

    #[test]
    fn another_sum_is_the_end() {
        let read = |expected| {
            let checksum = Checksum { path: "x.chksum".into(), expected };
            let mut bytes = Vec::new();
            let mut summed = Summed::new(&b"Wikipedia"[..], Some(checksum));
            summed.read_to_end(&mut bytes).map(|_| bytes)
        };
        assert_eq!(read(0x11e6_0398).unwrap(), b"Wikipedia");
        let error = read(0x11e6_0399).unwrap_err();
        let error = error.downcast::<hyperlayer::Error>().unwrap();
        assert!(matches!(error, hyperlayer::Error::Damaged { at: 9, .. }), "{error}");
    }
}
