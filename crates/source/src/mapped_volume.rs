//! [`MappedVolume`]: a thin volume's content, put together from its mappings and its pool's data.

use std::io;
use std::sync::Arc;

use blockio::ReadAt;
use thinmeta::{DataBlock, MappingTree, Metadata, ThinBlock};

/// A thin volume in a pool whose data is a file.
pub(crate) struct MappedVolume<M, D> {
    pub(crate) metadata: Arc<Metadata<M>>,
    pub(crate) tree: MappingTree,
    pub(crate) data: D,
    pub(crate) chunk_size: u64,
}

/// A part of a buffer whose bytes are contiguous in the pool's data.
struct Run {
    /// Where it begins in the pool's data, in bytes.
    place: u64,
    /// The part's bounds in the buffer.
    from: usize,
    to: usize,
}

impl<M: ReadAt, D: ReadAt> MappedVolume<M, D> {
    /// The part of `offset..end` that lies in a chunk.
    fn part(&self, offset: u64, end: u64, chunk: ThinBlock, block: DataBlock) -> Option<Run> {
        let chunk_begin = chunk.get().checked_mul(self.chunk_size)?;
        let begin = chunk_begin.max(offset);
        let to = chunk_begin.saturating_add(self.chunk_size).min(end);
        let place = block.get().checked_mul(self.chunk_size)?.checked_add(begin - chunk_begin)?;
        Some(Run { place, from: (begin - offset) as usize, to: (to - offset) as usize })
    }

    fn read_run(&self, run: Run, buf: &mut [u8]) -> io::Result<()> {
        self.data.read_at(run.place, &mut buf[run.from..run.to])
    }
}

impl Run {
    /// Appends `next` if it follows both in the buffer and in the data.
    fn extend(&mut self, next: &Self) -> bool {
        let length = (self.to - self.from) as u64;
        let follows = self.to == next.from && self.place.checked_add(length) == Some(next.place);
        if follows {
            self.to = next.to;
        }
        follows
    }
}

impl<M: ReadAt, D: ReadAt> ReadAt for MappedVolume<M, D> {
    /// One read for each run of chunks whose data blocks are contiguous.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(buf.len() as u64).ok_or(io::ErrorKind::UnexpectedEof)?;
        if buf.is_empty() {
            return Ok(());
        }
        let chunks = offset / self.chunk_size..end.div_ceil(self.chunk_size);
        let mut open: Option<Run> = None;
        let mut done = 0;
        let mappings = self.metadata.mappings_in(self.tree);
        for mapping in mappings.range(chunks).map_err(io::Error::other)? {
            let (chunk, block) = mapping.map_err(io::Error::other)?;
            let next = self.part(offset, end, chunk, block).ok_or(io::ErrorKind::UnexpectedEof)?;
            if open.as_mut().is_some_and(|run| run.extend(&next)) {
                continue;
            }
            if let Some(run) = open.take() {
                done = run.to;
                self.read_run(run, buf)?;
            }
            buf[done..next.from].fill(0);
            open = Some(next);
        }
        if let Some(run) = open {
            done = run.to;
            self.read_run(run, buf)?;
        }
        buf[done..].fill(0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use thinmeta::View;
    use thinmeta::testing::{Pool, Shape};

    use super::*;

    const CHUNK: u64 = 65536;

    /// Records what was read.
    struct Source {
        bytes: Vec<u8>,
        reads: Mutex<Vec<(u64, usize)>>,
    }

    impl ReadAt for Source {
        fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
            self.reads.lock().unwrap().push((offset, buf.len()));
            self.bytes.read_at(offset, buf)
        }
    }

    /// The volume's thin blocks and their data blocks; two of the 12 are holes.
    const MAPPINGS: [(u64, u64); 10] =
        [(0, 4), (1, 5), (2, 6), (4, 7), (5, 8), (6, 3), (8, 0), (9, 1), (10, 9), (11, 2)];

    fn data() -> Source {
        let bytes = (0..10 * CHUNK).map(|place| (place / 512 % 251) as u8).collect();
        Source { bytes, reads: Mutex::default() }
    }

    fn with_volume<T>(data: &Source, test: impl FnOnce(&dyn ReadAt) -> T) -> T {
        let mut pool = Pool::new(Shape::default());
        pool.create_with(1, MAPPINGS);
        let image = pool.image();
        let size = image.len() as u64;
        let metadata = Arc::new(Metadata::open(image, size, View::Live).unwrap());
        let tree = metadata.mappings(1.try_into().unwrap()).unwrap().tree();
        test(&MappedVolume { metadata, tree, data, chunk_size: CHUNK })
    }

    #[test]
    fn places_near_each_other_are_looked_up_without_reading_the_tree_again() {
        let mut pool = Pool::new(Shape::default());
        pool.create_with(1, MAPPINGS);
        let bytes = pool.image();
        let size = bytes.len() as u64;
        let image = Source { bytes, reads: Mutex::default() };
        let metadata = Arc::new(Metadata::open(&image, size, View::Live).unwrap());
        let tree = metadata.mappings(1.try_into().unwrap()).unwrap().tree();
        let data = data();
        let volume = MappedVolume { metadata, tree, data: &data, chunk_size: CHUNK };
        image.reads.lock().unwrap().clear();
        for chunk in [4, 4, 0, 8] {
            volume.read_at(chunk * CHUNK, &mut [0; 2 * CHUNK as usize]).unwrap();
        }
        // The tree is a single leaf, which was read when the tree was looked up.
        assert_eq!(*image.reads.lock().unwrap(), []);
    }

    /// The volume byte by byte.
    fn expected(data: &Source) -> Vec<u8> {
        let mut volume = vec![0; 13 * CHUNK as usize];
        for (chunk, block) in MAPPINGS {
            let from = (block * CHUNK) as usize;
            volume[(chunk * CHUNK) as usize..][..CHUNK as usize]
                .copy_from_slice(&data.bytes[from..from + CHUNK as usize]);
        }
        volume
    }

    #[test]
    fn every_range_has_its_bytes() {
        let data = data();
        let volume = expected(&data);
        with_volume(&data, |mapped| {
            let places: Vec<u64> = (0..=13u64)
                .flat_map(|chunk| [chunk * CHUNK, chunk * CHUNK + 512, chunk * CHUNK + 65024])
                .filter(|&place| place <= 13 * CHUNK)
                .collect();
            for &begin in &places {
                for &end in places.iter().filter(|&&end| end >= begin) {
                    let mut buf = vec![0xa5; (end - begin) as usize];
                    mapped.read_at(begin, &mut buf).unwrap();
                    assert!(buf == volume[begin as usize..end as usize], "{begin} to {end}");
                }
            }
        });
    }

    #[test]
    fn what_lies_together_is_read_together() {
        let data = data();
        with_volume(&data, |mapped| {
            let mut buf = vec![0; 12 * CHUNK as usize - 1024];
            mapped.read_at(512, &mut buf).unwrap();
        });
        let chunk = CHUNK as usize;
        let reads = [
            // The hole at 3 splits a run that is contiguous in the data.
            (4 * CHUNK + 512, 3 * chunk - 512),
            (7 * CHUNK, 2 * chunk),
            (3 * CHUNK, chunk),
            (0, 2 * chunk),
            (9 * CHUNK, chunk),
            (2 * CHUNK, chunk - 512),
        ];
        assert_eq!(*data.reads.lock().unwrap(), reads);
    }

    #[test]
    fn a_range_or_a_data_block_beyond_the_end_is_an_error() {
        let mut data = data();
        with_volume(&data, |mapped| {
            assert!(mapped.read_at(u64::MAX - 100, &mut [0; 512]).is_err());
        });
        data.bytes.truncate(9 * CHUNK as usize);
        with_volume(&data, |mapped| {
            let mut buf = vec![0; CHUNK as usize];
            assert!(mapped.read_at(9 * CHUNK, &mut buf).is_ok());
            assert!(mapped.read_at(10 * CHUNK, &mut buf).is_err());
        });
    }
}
