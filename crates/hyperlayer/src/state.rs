//! [`DecoderState`]: how far a decoder of any format has come.

use crate::Error;
use crate::error::Result;

/// How far a decoder of any format has come: what was refused once is refused for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecoderState {
    /// Records are still to come.
    Records,
    /// The end was read, and found right.
    Complete,
    /// Something was refused: nothing more is read.
    Failed,
}

impl DecoderState {
    /// Whether there is a record to be read, or the end. It counts as refused from here on, on every
    /// way out by an error, until [`DecoderState::came`].
    ///
    /// # Errors
    /// [`Error::Damaged`] where something was refused before; `at` is where, in bytes.
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

    /// It came: a record, or the end.
    pub fn came(&mut self, is_record: bool) {
        *self = if is_record { Self::Records } else { Self::Complete };
    }
}
