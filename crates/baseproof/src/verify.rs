//! Whether a base holds what a stream says it must.

use std::io;

use blockio::ReadAt;
use hyperlayer::BaseDigest;

use crate::Range;
use crate::digest::{digest_ranges, digest_whole};

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
/// `mapped` and `go_on` are what [`digest_whole`] takes, for a digest of all of the base.
///
/// # Errors
/// [`Error::Differs`] or [`Error::Io`].
pub fn verify(
    base: &(impl ReadAt + Sync),
    digests: &[BaseDigest],
    mapped: Option<&[Range]>,
    go_on: &(dyn Fn() -> io::Result<()> + Sync),
) -> Result<(), Error> {
    let found = match digests {
        // All of the base, or its head: one range, of which many pieces are read at once.
        [whole] if whole.offset == 0 => {
            vec![digest_whole(base, whole.length, mapped, go_on)?]
        }
        _ => {
            let range =
                |digest: &BaseDigest| Range { offset: digest.offset, length: digest.length };
            digest_ranges(base, &digests.iter().map(range).collect::<Vec<_>>())?
        }
    };
    for (expected, found) in digests.iter().zip(found) {
        if found.digest != expected.digest {
            return Err(Error::Differs {
                offset: expected.offset,
                length: expected.length,
                expected: expected.digest.into(),
                found: found.digest.into(),
            });
        }
    }
    Ok(())
}
