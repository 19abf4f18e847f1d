//! Whether a stream is the only one in a file, without reading its data.

use std::io::{Read, Seek, SeekFrom};

use super::super::bytes::Bytes;
use super::{FRAME, begin, frame, is};
use crate::Result;

/// Whether a file holds exactly one stream of virtnbdbackup's, from its beginning to its end, and nothing
/// else. The length of compressed data is unknown before it has been read: for such a stream, and one with
/// unknown frames, the answer is no.
///
/// # Errors
/// If the file cannot be read, or the stream is damaged.
pub fn virtnbdbackup_is_alone(file: &mut (impl Read + Seek)) -> Result<bool> {
    let size = file.seek(SeekFrom::End(0))?;
    file.rewind()?;
    let mut source = Bytes::new(Vec::new(), &mut *file);
    let first = source.peek(FRAME)?;
    if !is(&first) {
        return Ok(false);
    }
    let (reader, _) = begin(&mut source)?;
    if reader.compressed {
        return Ok(false);
    }
    let mut at = source.at();
    loop {
        file.seek(SeekFrom::Start(at))?;
        let (kind, _, length) = frame(&mut Bytes::new(Vec::new(), &mut *file))?;
        at = at.saturating_add(FRAME as u64);
        match &kind {
            b"stop" => return Ok(at == size),
            // A line end follows the data.
            b"data" => at = at.saturating_add(length).saturating_add(2),
            b"zero" => {}
            _ => return Ok(false),
        }
    }
}
