//! [`Format`]: how the records of one format are read.

use std::io::Read;

use super::bytes::Bytes;
use super::change::Change;
use crate::Result;

/// The records of one format.
pub(super) trait Format<R: Read>: Send {
    /// The next record, with its data in `buf`; `None` once the stream's end has been verified.
    fn next(&mut self, source: &mut Bytes<R>, buf: &mut Vec<u8>) -> Result<Option<Change>>;
}
