//! [`MappedVolume`]: a thin volume's content, put together from its mappings and its pool's data.

use std::io;

use blockio::ReadAt;
use thinmeta::Mappings;

/// A thin volume in a pool whose data is a file.
pub(crate) struct MappedVolume<'a, M, D> {
    pub(crate) mappings: Mappings<'a, M>,
    pub(crate) data: &'a D,
    pub(crate) chunk_size: u64,
}

impl<M: ReadAt, D: ReadAt> ReadAt for MappedVolume<'_, M, D> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let mut done = 0;
        while done < buf.len() {
            let place = offset + done as u64;
            let (chunk, inside) = (place / self.chunk_size, place % self.chunk_size);
            let length = (self.chunk_size - inside).min((buf.len() - done) as u64) as usize;
            let piece = &mut buf[done..done + length];
            match self.mappings.get(chunk.into()).map_err(io::Error::other)? {
                None => piece.fill(0),
                Some(block) => {
                    let begin = block
                        .get()
                        .checked_mul(self.chunk_size)
                        .and_then(|begin| begin.checked_add(inside))
                        .ok_or(io::ErrorKind::UnexpectedEof)?;
                    self.data.read_at(begin, piece)?;
                }
            }
            done += length;
        }
        Ok(())
    }
}
