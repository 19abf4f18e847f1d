//! [`Piece`]: what a repair sends.

use std::io::{self, Read, Write};

use hyperlayer::LEAF_BYTES;

/// The head of a piece: where it belongs, how long it is, and whether its bytes follow or all are zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) offset: u64,
    /// At most [`LEAF_BYTES`], and not 0.
    pub(crate) length: u64,
    pub(crate) is_data: bool,
}

impl Piece {
    /// Writes it.
    ///
    /// # Errors
    /// If that fails.
    pub(crate) fn write(self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&self.offset.to_le_bytes())?;
        to.write_all(&self.length.to_le_bytes())?;
        to.write_all(&[u8::from(self.is_data)])
    }

    /// Reads the next one, for a volume of `size` bytes; none at the end.
    ///
    /// # Errors
    /// If it cannot be read, or is none.
    pub(crate) fn read(from: &mut impl Read, size: u64) -> io::Result<Option<Self>> {
        let mut head = Vec::new();
        from.take(17).read_to_end(&mut head)?;
        if head.is_empty() {
            return Ok(None);
        }
        let wrong = || io::Error::new(io::ErrorKind::InvalidData, "that is no piece of a volume");
        let head: [u8; 17] = head.try_into().map_err(|_| wrong())?;
        let number = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&head[at..at + 8]);
            u64::from_le_bytes(bytes)
        };
        let (offset, length) = (number(0), number(8));
        let leaf = LEAF_BYTES as u64;
        let ends = offset.checked_add(length).is_some_and(|end| end <= size);
        let is_leaf = offset.is_multiple_of(leaf) && (1..=leaf).contains(&length);
        // A device is written to in sectors.
        if !ends || !is_leaf || !length.is_multiple_of(512) || head[16] > 1 {
            return Err(wrong());
        }
        Ok(Some(Self { offset, length, is_data: head[16] == 1 }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAF: u64 = LEAF_BYTES as u64;

    fn read(piece: Piece, size: u64) -> io::Result<Option<Piece>> {
        let mut bytes = Vec::new();
        piece.write(&mut bytes).unwrap();
        Piece::read(&mut bytes.as_slice(), size)
    }

    #[test]
    fn a_piece_comes_back() {
        let size = 9 * LEAF + 512;
        for (offset, length) in [(0, LEAF), (9 * LEAF, 512)] {
            for is_data in [false, true] {
                let piece = Piece { offset, length, is_data };
                assert_eq!(read(piece, size).unwrap(), Some(piece));
            }
        }
        assert_eq!(Piece::read(&mut &[][..], size).unwrap(), None);
    }

    #[test]
    fn what_is_no_piece_of_the_volume_is_refused() {
        let size = 9 * LEAF + 512;
        for (offset, length) in [
            (9 * LEAF, 1024),
            (10 * LEAF, 512),
            (512, 512),
            (0, 0),
            (0, 2 * LEAF),
            (0, 100),
            (u64::MAX - LEAF + 1, LEAF),
            (0, u64::MAX),
        ] {
            let error = read(Piece { offset, length, is_data: false }, size).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{offset}, {length}");
        }
        let mut bytes = Vec::new();
        Piece { offset: 0, length: 512, is_data: true }.write(&mut bytes).unwrap();
        assert!(Piece::read(&mut &bytes[..16], size).is_err());
        bytes[16] = 2;
        assert!(Piece::read(&mut bytes.as_slice(), size).is_err());
    }
}
