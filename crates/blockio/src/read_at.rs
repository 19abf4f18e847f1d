//! [`ReadAt`]: the one way in which bytes are read here.

use std::io;
use std::sync::Arc;

/// Something whose bytes can be read at an offset, without a position of its own.
pub trait ReadAt {
    /// Fills `buf` with the bytes that begin at `offset` (both in bytes).
    ///
    /// # Errors
    /// The read is whole or an error: [`io::ErrorKind::UnexpectedEof`] where the end comes first.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()>;

    /// Says that this many bytes will soon be read at `offset`. A source that can read ahead may
    /// begin to; most do nothing.
    fn will_read(&self, _offset: u64, _length: usize) {}

    /// The first place from `offset` on that may hold something else than zeros. A source that does
    /// not know its holes says `offset` itself.
    ///
    /// # Errors
    /// Where the source cannot be asked.
    fn behind_hole(&self, offset: u64) -> io::Result<u64> {
        Ok(offset)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for &T {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        (**self).read_at(offset, buf)
    }

    fn will_read(&self, offset: u64, length: usize) {
        (**self).will_read(offset, length);
    }

    fn behind_hole(&self, offset: u64) -> io::Result<u64> {
        (**self).behind_hole(offset)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for Box<T> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        (**self).read_at(offset, buf)
    }

    fn will_read(&self, offset: u64, length: usize) {
        (**self).will_read(offset, length);
    }

    fn behind_hole(&self, offset: u64) -> io::Result<u64> {
        (**self).behind_hole(offset)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for Arc<T> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        (**self).read_at(offset, buf)
    }

    fn will_read(&self, offset: u64, length: usize) {
        (**self).will_read(offset, length);
    }

    fn behind_hole(&self, offset: u64) -> io::Result<u64> {
        (**self).behind_hole(offset)
    }
}

impl ReadAt for [u8] {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let source = usize::try_from(offset)
            .ok()
            .and_then(|begin| Some(begin..begin.checked_add(buf.len())?))
            .and_then(|range| self.get(range))
            .ok_or_else(|| past_end(offset, buf.len(), self.len() as u64))?;
        buf.copy_from_slice(source);
        Ok(())
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.as_slice().read_at(offset, buf)
    }
}

pub(crate) fn past_end(offset: u64, length: usize, size: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        format!("{length} bytes at offset {offset} extend past the end, at {size}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_refuses_what_lies_past_its_end() {
        let source = vec![7; 10];
        let mut buf = [0; 4];
        source.read_at(6, &mut buf).unwrap();
        assert_eq!(buf, [7; 4]);
        for offset in [7, 10, u64::MAX] {
            let error = source.read_at(offset, &mut buf).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "at {offset}");
        }
    }
}
