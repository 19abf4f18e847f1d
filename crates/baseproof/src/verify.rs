//! Whether a base holds what a stream says it must.

use std::io;

use blockio::{AlignedBuf, Range, ReadAt};
use hyperlayer::{BaseChecksum, BaseDigest, DigestKind};

use crate::checksum::crc32;
use crate::digest::{Mapped, digest_ranges, digest_whole};

/// How much is read at once, in bytes.
const PIECE: usize = 1 << 20;

/// Why a base is not proved to be the right one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It holds something else.
    #[error(
        "the base differs at offset {offset} (the BLAKE3 of {length} bytes there is {found}, \
         expected {expected})"
    )]
    Differs {
        /// Where the range that differs begins, in bytes.
        offset: u64,
        /// How long the range is, in bytes.
        length: u64,
        /// Its digest when the diff was made.
        expected: blake3::Hash,
        /// Its digest now.
        found: blake3::Hash,
    },
    /// It holds something else somewhere.
    #[error(
        "the base differs somewhere between offset 0 and its end at {length} (its root digest is \
         {found}, expected {expected})"
    )]
    RootDiffers {
        /// How long it is, in bytes.
        length: u64,
        /// Its root digest when the diff was made.
        expected: blake3::Hash,
        /// Its root digest now.
        found: blake3::Hash,
    },
    /// It holds something else, as a CRC-32 tells.
    #[error(
        "the base differs at offset {offset} (the CRC-32 of {length} bytes there is {found:x}, \
         expected {expected:x})"
    )]
    ChecksumDiffers {
        /// Where the range that differs begins, in bytes.
        offset: u64,
        /// How long the range is, in bytes.
        length: u64,
        /// Its CRC-32 when the diff was made.
        expected: u32,
        /// Its CRC-32 now.
        found: u32,
    },
    /// A volume that should hold the beginning of a stream holds something else.
    #[error(
        "it differs at offset {offset} (the BLAKE3 of {length} bytes there is {found}, expected \
         {expected})"
    )]
    PartDiffers {
        /// Where the range that differs begins, in bytes.
        offset: u64,
        /// How long the range is, in bytes.
        length: u64,
        /// Its digest in the volume that the stream leads to.
        expected: blake3::Hash,
        /// Its digest here.
        found: blake3::Hash,
    },
    /// It cannot be read.
    #[error("the base cannot be read")]
    Io(#[from] io::Error),
}

impl Error {
    /// There is another digest where this one was.
    pub fn differs(expected: &BaseDigest, found: [u8; 32]) -> Self {
        let (offset, length) = (expected.offset, expected.length);
        let (expected_digest, found) = (expected.digest.into(), found.into());
        match expected.kind {
            DigestKind::Root => Self::RootDiffers { length, expected: expected_digest, found },
            DigestKind::Bytes => Self::Differs { offset, length, expected: expected_digest, found },
        }
    }

    /// True where it holds something else; false where it cannot be read.
    pub fn is_mismatch(&self) -> bool {
        !matches!(self, Self::Io(_))
    }
}

/// Looks at every range that has a digest; the first that differs is the error.
///
/// `mapped` and `go_on` are what [`digest_whole`] takes, for a digest of all of the base.
///
/// # Errors
/// [`Error::Differs`], [`Error::RootDiffers`] or [`Error::Io`].
pub fn verify(
    base: &(impl ReadAt + Sync),
    digests: &[BaseDigest],
    mapped: Option<Mapped<'_>>,
    go_on: &(dyn Fn() -> io::Result<()> + Sync),
) -> Result<(), Error> {
    let found = match digests {
        [whole] if whole.kind == DigestKind::Root => {
            vec![digest_whole(base, whole.length, mapped, go_on)?]
        }
        _ => {
            let range =
                |digest: &BaseDigest| Range { offset: digest.offset, length: digest.length };
            digest_ranges(base, &digests.iter().map(range).collect::<Vec<_>>())?
        }
    };
    for (expected, found) in digests.iter().zip(found) {
        if found != *expected {
            return Err(Error::differs(expected, found.digest));
        }
    }
    Ok(())
}

/// Looks at every range that has a checksum; the first that differs is the error. `go_on` is asked
/// between pieces of at most 1 MiB.
///
/// # Errors
/// [`Error::ChecksumDiffers`] or [`Error::Io`].
pub fn verify_checksums(
    base: &impl ReadAt,
    checksums: &[BaseChecksum],
    go_on: &dyn Fn() -> io::Result<()>,
) -> Result<(), Error> {
    let mut buf = AlignedBuf::new(PIECE)?;
    for &BaseChecksum { offset, length, crc32: expected } in checksums {
        let found = crc32(base, Range { offset, length }, &mut buf, go_on)?;
        if found != expected {
            return Err(Error::ChecksumDiffers { offset, length, expected, found });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_ranges() {
        // The check value of CRC-32 is that of these nine digits.
        let mut base = vec![0; 3 << 20];
        base[512..521].copy_from_slice(b"123456789");
        let check = |length, crc32| {
            verify_checksums(&base, &[BaseChecksum { offset: 512, length, crc32 }], &|| Ok(()))
        };
        check(9, 0xcbf4_3926).unwrap();
        let error = check(9, 1).unwrap_err().to_string();
        assert!(error.contains("offset 512") && error.contains("cbf43926"), "{error}");
        check(2 << 20, crc32fast::hash(&base[512..][..2 << 20])).unwrap();
        assert!(matches!(check(3 << 20, 0), Err(Error::Io(_))), "it ends before that");
    }
}
