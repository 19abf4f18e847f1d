//! [`Error`]: what can go wrong, told apart by who must act.

use std::borrow::Cow;
use std::{fmt, io};

use crate::{MetaBlock, ThinId};

/// A result whose error is [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Why metadata could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The device failed.
    #[error("cannot read metadata block {block}")]
    Io {
        /// The block that was wanted.
        block: MetaBlock,
        /// What the device said.
        source: io::Error,
    },
    /// The metadata is damaged, or is no thin-provisioning metadata at all.
    #[error("metadata block {block} is damaged: {reason}")]
    Corrupt {
        /// The damaged block.
        block: MetaBlock,
        /// What is wrong with it.
        reason: Cow<'static, str>,
    },
    /// The metadata is of a kind that this program does not know.
    #[error("metadata block {block} needs {what}, which is not supported")]
    Unsupported {
        /// The block that says so.
        block: MetaBlock,
        /// What is not supported.
        what: String,
    },
    /// There is no such thin device.
    #[error("there is no thin device {id} ({})", Known(known))]
    NotFound {
        /// The device that was wanted.
        id: ThinId,
        /// Those that there are.
        known: Vec<ThinId>,
    },
    /// [`View::Held`](crate::View::Held) was wanted, and the pool holds no metadata snapshot.
    #[error("the pool holds no metadata snapshot")]
    NotHeld,
}

impl Error {
    pub(crate) fn corrupt(block: MetaBlock, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Corrupt { block, reason: reason.into() }
    }
}

/// Few devices are named, many are counted.
struct Known<'a>(&'a [ThinId]);

impl fmt::Display for Known<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, rest)) = self.0.split_first() else {
            return f.write_str("there are none");
        };
        if rest.len() >= 16 {
            return write!(f, "there are {} others", self.0.len());
        }
        if rest.is_empty() {
            return write!(f, "the only one is {first}");
        }
        write!(f, "there are {first}")?;
        rest.iter().try_for_each(|id| write!(f, ", {id}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn not_found(known: std::ops::Range<u64>) -> String {
        let id = |id: u64| ThinId::try_from(id).unwrap();
        Error::NotFound { id: id(99), known: known.map(id).collect() }.to_string()
    }

    #[test]
    fn few_devices_are_named_and_many_counted() {
        assert_eq!(not_found(0..0), "there is no thin device 99 (there are none)");
        assert_eq!(not_found(1..4), "there is no thin device 99 (there are 1, 2, 3)");
        assert_eq!(not_found(7..8), "there is no thin device 99 (the only one is 7)");
        assert_eq!(not_found(1..51), "there is no thin device 99 (there are 50 others)");
    }
}
