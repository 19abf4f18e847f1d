//! [`Exceptions`]: the chunks that changed.

use crate::chunk_set::ChunkSet;
use crate::{ChunkSize, OriginChunk};

/// The chunks of an origin and its snapshot that were written to, in either of them, since the
/// snapshot was taken. Whatever is not among them is the same in both.
#[derive(Clone, Debug)]
pub struct Exceptions {
    chunk_size: ChunkSize,
    chunks: ChunkSet,
}

/// Chunks that follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first one's number.
    pub begin: u64,
    /// How many there are.
    pub length: u64,
}

impl Exceptions {
    pub(crate) fn none(chunk_size: ChunkSize) -> Self {
        Self { chunk_size, chunks: ChunkSet::default() }
    }

    /// Takes in a chunk; false where it is there already.
    pub(crate) fn insert(&mut self, chunk: OriginChunk) -> bool {
        self.chunks.insert(chunk.get())
    }

    /// The size of a chunk.
    pub fn chunk_size(&self) -> ChunkSize {
        self.chunk_size
    }

    /// How many chunks there are.
    pub fn count(&self) -> u64 {
        self.chunks.count()
    }

    /// The chunks in ascending order, neighbours joined.
    pub fn runs(&self) -> impl Iterator<Item = Run> {
        let mut chunks = self.chunks.iter().peekable();
        std::iter::from_fn(move || {
            let begin = chunks.next()?;
            let mut length: u64 = 1;
            while chunks.next_if(|&next| begin.checked_add(length) == Some(next)).is_some() {
                length = length.saturating_add(1);
            }
            Some(Run { begin, length })
        })
    }
}
