//! Whether a stream is the only one in a file, without reading its data.

use std::io::{Read, Seek, SeekFrom};

use super::super::bytes::Bytes;
use super::{FRAME, begin, frame, is};
use crate::Result;

/// Whether a file holds one stream of virtnbdbackup's, from the file's beginning to its end, and nothing
/// else. Compressed data does not say how long it is before it has been read: of such a stream, and of
/// whatever is damaged, nobody can tell.
///
/// # Errors
/// Those of the file, and of the stream.
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
            // A line end stands after the data.
            b"data" => at = at.saturating_add(length).saturating_add(2),
            b"zero" => {}
            _ => return Ok(false),
        }
    }
}
