//! [`DecoderState`]: the state of a decoder of any format.

use crate::Error;
use crate::error::Result;

/// The state of a decoder of any format: after an error it never continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecoderState {
    /// Records are still to come.
    Records,
    /// The end was read and verified.
    Complete,
    /// There was an error: nothing more is read.
    Failed,
}

impl DecoderState {
    /// Whether there is another record, or the end, to be read. The state is failed from here on, whatever
    /// error follows, until [`DecoderState::came`].
    ///
    /// # Errors
    /// [`Error::Damaged`] if there was an error before; `at` is the position, in bytes.
    pub fn begin(&mut self, at: u64) -> Result<bool> {
        match std::mem::replace(self, Self::Failed) {
            Self::Records => Ok(true),
            Self::Complete => {
                *self = Self::Complete;
                Ok(false)
            }
            Self::Failed => {
                Err(Error::Damaged { at, reason: "it was refused before this record".into() })
            }
        }
    }

    /// A record, or the end, was read without an error.
    pub fn came(&mut self, is_record: bool) {
        *self = if is_record { Self::Records } else { Self::Complete };
    }
}
