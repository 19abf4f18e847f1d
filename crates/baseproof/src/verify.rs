//! Whether a base holds what a stream says it must.

use std::io;

use blockio::{AlignedBuf, ReadAt};
use hyperlayer::BaseDigest;

use crate::Range;
use crate::digest::{digest_range, digest_whole};

/// Why a base is not proved to be the right one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It holds something else.
    #[error(
        "the base differs at offset {offset} (of {length} bytes there the BLAKE3 is {found}, \
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
    /// It cannot be read.
    #[error("the base cannot be read")]
    Io(#[from] io::Error),
}

/// Looks at every range that has a digest; the first that differs is the error.
///
/// `mapped` is what [`digest_whole`] takes, and used for a digest of all of the base only.
///
/// # Errors
/// [`Error::Differs`] or [`Error::Io`].
pub fn verify(
    base: &impl ReadAt,
    digests: &[BaseDigest],
    mapped: Option<&[Range]>,
) -> Result<(), Error> {
    let mut piece = AlignedBuf::new(1 << 20)?;
    for expected in digests {
        let range = Range { offset: expected.offset, length: expected.length };
        let found = match mapped {
            Some(mapped) if range.offset == 0 => digest_whole(base, range.length, Some(mapped))?,
            _ => digest_range(base, range, &mut piece)?,
        };
        if found.digest != expected.digest {
            return Err(Error::Differs {
                offset: range.offset,
                length: range.length,
                expected: expected.digest.into(),
                found: found.digest.into(),
            });
        }
    }
    Ok(())
}
