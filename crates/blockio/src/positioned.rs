//! [`Positioned`]: a file, read from a place on.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

/// Reads a file from a place on, without moving the position that all its readers share.
#[derive(Clone, Copy, Debug)]
pub struct Positioned<'a> {
    file: &'a File,
    at: u64,
}

impl<'a> Positioned<'a> {
    /// From the byte at `at` on.
    pub fn new(file: &'a File, at: u64) -> Self {
        Self { file, at }
    }
}

impl Read for Positioned<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read_at(buf, self.at)?;
        self.at += length as u64;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;

    #[test]
    fn readers_of_one_file_do_not_move_each_other() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let (mut one, mut other) = (Positioned::new(&file, 2), Positioned::new(&file, 7));
        let (mut first, mut rest) = ([0; 3], String::new());
        one.read_exact(&mut first).unwrap();
        other.read_to_string(&mut rest).unwrap();
        assert_eq!((&first, rest.as_str()), (b"234", "789"));
        one.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"567");
        assert_eq!((&file).stream_position().unwrap(), 10);
    }
}
