//! [`Scattered`]: a file of which small pieces are read here and there, through the page cache.

use std::collections::HashSet;
use std::io::{self, IoSliceMut};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use nix::fcntl::PosixFadviseAdvice;
use rustix::io::{ReadWriteFlags, preadv2};

use crate::{Device, ReadAhead, ReadAt};

/// How many announced pieces are fetched after one was missing from the page cache.
const FETCHED: u32 = 1024;

/// Reads small pieces of a file that may or may not be in the page cache.
///
/// The kernel's own readahead is off: it would read a hundred times what is wanted. Pieces that
/// [`ReadAt::will_read`] announces are read ahead instead, many at once and neighbours together, but only while
/// pieces turn out to be missing: of a file that is in memory, threads would cost more than they spare.
pub struct Scattered {
    file: Arc<Device>,
    ahead: ReadAhead<Arc<Device>>,
    /// How many more announced pieces are read ahead.
    fetches: AtomicU32,
    /// The pieces that are, and have not been read yet.
    announced: Mutex<HashSet<u64>>,
}

impl Scattered {
    /// Reads pieces of `file`, which is read through the page cache.
    pub fn new(file: Device) -> Self {
        file.advise(0, 0, PosixFadviseAdvice::POSIX_FADV_RANDOM);
        let file = Arc::new(file);
        let ahead = ReadAhead::new(Arc::clone(&file));
        Self { file, ahead, fetches: AtomicU32::new(0), announced: Mutex::default() }
    }

    /// Whether the page cache has all of a piece; then it is read.
    fn read_cached(&self, offset: u64, buf: &mut [u8]) -> bool {
        let length = buf.len();
        let mut bufs = [IoSliceMut::new(buf)];
        // A file system that cannot tell fails, and so does what lies past the end.
        preadv2(self.file.file(), &mut bufs, offset, ReadWriteFlags::NOWAIT) == Ok(length)
    }

    /// Whether a piece is being read ahead; it counts as read from now on.
    fn is_ahead(&self, offset: u64) -> bool {
        self.announced.lock().expect("nobody panics with it").remove(&offset)
    }
}

impl ReadAt for Scattered {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        if self.is_ahead(offset) {
            return self.ahead.read_at(offset, buf);
        }
        if self.read_cached(offset, buf) {
            return Ok(());
        }
        self.fetches.store(FETCHED, Ordering::Relaxed);
        self.file.read_at(offset, buf)
    }

    fn will_read(&self, offset: u64, length: usize) {
        let is_fetched =
            self.fetches.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |fetches| {
                fetches.checked_sub(1)
            });
        // What is announced twice is in the page cache the second time.
        if is_fetched.is_ok()
            && self.announced.lock().expect("nobody panics with it").insert(offset)
        {
            self.ahead.will_read(offset, length);
        }
    }

    fn behind_hole(&self, offset: u64) -> io::Result<u64> {
        self.file.behind_hole(offset)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::FileExt;

    use nix::fcntl::posix_fadvise;
    use tempfile::NamedTempFile;

    use super::*;
    use crate::OpenMode;

    const BLOCK: usize = 4096;
    const BLOCKS: u64 = 500;

    fn byte(block: u64) -> u8 {
        (block % 251) as u8
    }

    fn file() -> NamedTempFile {
        // The folder of temporary files may be in memory, where nothing is ever missing.
        let folder = std::env::current_exe().unwrap();
        let file = NamedTempFile::new_in(folder.parent().unwrap()).unwrap();
        for block in 0..BLOCKS {
            file.as_file().write_all_at(&[byte(block); BLOCK], block * BLOCK as u64).unwrap();
        }
        file.as_file().sync_all().unwrap();
        file
    }

    fn forget(file: &File) {
        posix_fadvise(file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED).unwrap();
    }

    #[test]
    fn cached_or_not_every_piece_is_the_files() {
        let file = file();
        let source = Scattered::new(Device::open(file.path(), OpenMode::Read).unwrap());
        for number in 0..BLOCKS {
            if number % 100 == 0 {
                forget(file.as_file());
            }
            let place = |number: u64| number * 7 % BLOCKS * BLOCK as u64;
            source.will_read(place(number + 30), BLOCK);
            let mut buf = [0; BLOCK];
            source.read_at(place(number), &mut buf).unwrap();
            assert_eq!(buf, [byte(place(number) / BLOCK as u64); BLOCK]);
        }
        let past_end = source.read_at(BLOCKS * BLOCK as u64 - 1, &mut [0; 2]).unwrap_err();
        assert_eq!(past_end.kind(), io::ErrorKind::UnexpectedEof);
        source.will_read(u64::MAX, BLOCK);
    }

    #[test]
    fn only_of_a_file_that_was_missing_pieces_are_fetched_ahead() {
        let file = file();
        let source = Scattered::new(Device::open(file.path(), OpenMode::Read).unwrap());
        let fetches = || source.fetches.load(Ordering::Relaxed);
        // Written just now, it is in memory, where the file system has such a thing.
        let is_cached = source.read_cached(0, &mut [0; BLOCK]);
        source.read_at(BLOCK as u64, &mut [0; BLOCK]).unwrap();
        source.will_read(2 * BLOCK as u64, BLOCK);
        assert_eq!(fetches(), if is_cached { 0 } else { FETCHED - 1 });

        source.fetches.store(2, Ordering::Relaxed);
        for block in [10, 11, 12] {
            source.will_read(block * BLOCK as u64, BLOCK);
        }
        assert_eq!(fetches(), 0);
    }
}
