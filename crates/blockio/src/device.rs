//! [`Device`]: a block device or a regular file, read and written at an offset.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Mutex;

use nix::errno::Errno;
use nix::fcntl::{
    AT_FDCWD, AtFlags, FallocateFlags, OFlag, PosixFadviseAdvice, fallocate, posix_fadvise,
};
use nix::unistd::{AccessFlags, Whence, faccessat, lseek};

use crate::aligned::is_aligned;
use crate::read_at::past_end;
use crate::sector::{self, Parts};
use crate::{ALIGNMENT, AlignedBuf, ReadAt, ioctl};

/// How [`Device::open`] opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// For reading only.
    Read,
    /// As [`OpenMode::ReadExclusive`], and past the page cache also where it is a regular file.
    ReadDirect,
    /// For reading only; a block device that is mounted or otherwise held, such as one of a running
    /// pool, is refused (EBUSY).
    ReadExclusive,
    /// For reading and writing; a block device that is mounted or otherwise held is refused (EBUSY), and
    /// one that is read-only (EROFS).
    WriteExclusive,
}

/// A block device, opened with `O_DIRECT`, or a regular file, read and written through the page
/// cache. Its size is that of the moment it was opened.
///
/// Ranges may begin and end anywhere, also inside the logical sectors of a device. Several threads
/// may write at once, as long as their ranges are disjoint.
pub struct Device {
    file: File,
    size: u64,
    block: bool,
    /// Opened with `O_DIRECT`.
    direct: bool,
    /// What is read and written as a whole past the page cache, in bytes.
    sector: u64,
    /// Held while a part of a sector is written, for two ranges can share one.
    edges: Mutex<()>,
    /// Held while something is written through the page cache.
    turns: Mutex<()>,
    rdev: u64,
    /// What is locked for as long as this is open.
    held: Vec<File>,
}

impl Device {
    /// Opens the block device or regular file at `path`.
    ///
    /// # Errors
    /// Where it cannot be opened, or is neither of the two.
    pub fn open(path: &Path, mode: OpenMode) -> io::Result<Self> {
        // Opening a FIFO would wait for its other end, so the kind is asked first.
        let kind = std::fs::metadata(path)?.file_type();
        let block = kind.is_block_device();
        if !block && !kind.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "neither a block device nor a regular file",
            ));
        }
        let mut flags = OFlag::O_CLOEXEC;
        let direct = block || mode == OpenMode::ReadDirect;
        if direct {
            flags |= OFlag::O_DIRECT;
        }
        if block && mode != OpenMode::Read {
            flags |= OFlag::O_EXCL;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(mode == OpenMode::WriteExclusive)
            .custom_flags(flags.bits())
            .open(path)?;
        let opened = file.metadata()?;
        if opened.file_type() != kind {
            return Err(io::Error::other(
                "it was replaced by something of another kind while it \
                 was being opened",
            ));
        }
        // Such a device can be opened for writing, and refuses the writes.
        if block && mode == OpenMode::WriteExclusive && ioctl::is_read_only(&file)? {
            return Err(io::Error::from_raw_os_error(Errno::EROFS as i32));
        }
        let size = file.seek(SeekFrom::End(0))?;
        let sector = match (block, direct) {
            (true, _) => ioctl::sector_size(&file)?.max(sector::LEAST),
            // A file does not tell the sectors of the disk that it lies on.
            (false, true) => ALIGNMENT as u64,
            (false, false) => sector::LEAST,
        };
        let rdev = opened.rdev();
        let (edges, turns) = (Mutex::default(), Mutex::default());
        Ok(Self { file, size, block, direct, sector, edges, turns, rdev, held: vec![] })
    }

    /// The size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// True for a block device, false for a regular file.
    pub fn is_block(&self) -> bool {
        self.block
    }

    /// A block device's number, as `st_rdev` gives it.
    pub fn rdev(&self) -> u64 {
        self.rdev
    }

    /// Whether it could be opened for writing, by the `path` that it was opened by.
    ///
    /// # Errors
    /// Where it could not.
    pub fn check_writable(&self, path: &Path) -> io::Result<()> {
        faccessat(AT_FDCWD, path, AccessFlags::W_OK, AtFlags::AT_EACCESS)?;
        match self.block && ioctl::is_read_only(&self.file)? {
            true => Err(io::Error::from_raw_os_error(Errno::EROFS as i32)),
            false => Ok(()),
        }
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Keeps files open, and with that locked, as long as this is.
    pub(crate) fn keep(&mut self, files: Vec<File>) {
        self.held = files;
    }

    /// Changes a regular file's size, and waits until that outlasts a power cut.
    ///
    /// # Errors
    /// Where the file system fails, or this is a block device.
    pub fn set_size(&mut self, size: u64) -> io::Result<()> {
        self.file.set_len(size)?;
        self.file.sync_all()?;
        self.size = size;
        Ok(())
    }

    /// Writes `bytes` at `offset`.
    ///
    /// # Errors
    /// Where the range lies past the end, or the device fails.
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.check(offset, bytes.len() as u64)?;
        if !self.direct {
            // The kernel lets one write at a time to a file, and who waits for its lock spins, on a CPU that
            // others need. Here they sleep.
            let _turn = self.turns.lock().expect("nobody panics with it");
            return self.file.write_all_at(bytes, offset);
        }
        if is_aligned(offset, bytes, self.sector) {
            return self.file.write_all_at(bytes, offset);
        }
        let of = |part: &Range<u64>| {
            &bytes[(part.start - offset) as usize..(part.end - offset) as usize]
        };
        let parts = Parts::of(offset..offset + bytes.len() as u64, self.sector);
        for edge in parts.edges() {
            self.write_edge(edge.start, of(&edge))?;
        }
        let whole = of(&parts.whole);
        if whole.is_empty() {
            return Ok(());
        }
        if is_aligned(parts.whole.start, whole, self.sector) {
            return self.file.write_all_at(whole, parts.whole.start);
        }
        let mut bounce = AlignedBuf::new(whole.len())?;
        bounce.copy_from_slice(whole);
        self.file.write_all_at(&bounce, parts.whole.start)
    }

    /// Writes to a part of one sector, and the rest of it as it was.
    fn write_edge(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let skip = (offset % self.sector) as usize;
        let mut sector = AlignedBuf::new(self.sector as usize)?;
        let _alone = self.edges.lock().expect("nobody panics with it");
        self.file.read_exact_at(&mut sector, offset - skip as u64)?;
        sector[skip..skip + bytes.len()].copy_from_slice(bytes);
        self.file.write_all_at(&sector, offset - skip as u64)
    }

    /// Asks the device to unmap a range, or makes a hole in a file. Ok proves nothing: what the
    /// range reads as afterwards must be looked at. Of a device, parts of sectors stay as they are.
    ///
    /// # Errors
    /// Where the range lies past the end, or the device fails. A device or file system that
    /// cannot do it at all is no error.
    pub fn discard(&self, offset: u64, length: u64) -> io::Result<()> {
        match self.block {
            true => {
                self.free(offset, length, |begin, length| ioctl::discard(&self.file, begin, length))
            }
            false => self.punch(offset, length),
        }
    }

    /// Frees a range of a device or a file that promises zeros there for good. Elsewhere nothing
    /// happens: there a discard would leave it open what is read later, from a cache or another leg of a
    /// mirror.
    ///
    /// # Errors
    /// As [`Device::discard`].
    pub fn punch(&self, offset: u64, length: u64) -> io::Result<()> {
        let how = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        self.free(offset, length, |begin, length| self.fallocate(how, begin, length))
    }

    /// Frees what can be freed of a range: whole sectors, of a device. The rest stays as it is.
    fn free(
        &self,
        offset: u64,
        length: u64,
        how: impl FnOnce(u64, u64) -> io::Result<()>,
    ) -> io::Result<()> {
        self.check(offset, length)?;
        let range = offset..offset + length;
        let range = if self.block { Parts::of(range, self.sector).whole } else { range };
        if range.is_empty() {
            return Ok(());
        }
        match how(range.start, range.end - range.start) {
            Err(error) if unsupported(&error) => {
                log::debug!("nothing is freed here: {error}");
                Ok(())
            }
            done => done,
        }
    }

    /// The first place from `offset` on that may hold something else than zeros: after the hole in
    /// a file that begins there, at the file's end where there is nothing more. A block device does
    /// not tell its holes: there it is `offset` itself.
    ///
    /// # Errors
    /// Where the file system fails, or the file has become shorter.
    pub fn behind_hole(&self, offset: u64) -> io::Result<u64> {
        let Ok(place) = i64::try_from(offset) else { return Ok(offset) };
        if self.block {
            return Ok(offset);
        }
        // All reads and writes here say where they are: the position that this moves is nobody's.
        match lseek(&self.file, place, Whence::SeekData) {
            Ok(data) => Ok(u64::try_from(data).unwrap_or(offset)),
            Err(Errno::ENXIO) => match self.file.metadata()?.len() {
                // What is gone is no hole.
                length if length < self.size => Err(became_shorter(length, self.size)),
                _ => Ok(self.size.max(offset)),
            },
            Err(Errno::EINVAL | Errno::EOPNOTSUPP) => Ok(offset),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a range read as zeros, which may allocate it.
    ///
    /// # Errors
    /// Where the range lies past the end, or the device fails.
    pub fn zero_out(&self, offset: u64, length: u64) -> io::Result<()> {
        self.check(offset, length)?;
        if self.block {
            let parts = Parts::of(offset..offset + length, self.sector);
            for edge in parts.edges() {
                self.write_edge(edge.start, &vec![0; (edge.end - edge.start) as usize])?;
            }
            let whole = parts.whole;
            return match whole.is_empty() {
                true => Ok(()),
                false => ioctl::zero_out(&self.file, whole.start, whole.end - whole.start),
            };
        }
        match self.fallocate(FallocateFlags::FALLOC_FL_ZERO_RANGE, offset, length) {
            Err(error) if unsupported(&error) => self.write_zeros(offset, length),
            done => done,
        }
    }

    /// Begins to write what the page cache holds of a range to the disk, and does not wait for it. The kernel
    /// would begin only when a tenth of all memory is to be written.
    pub fn begin_sync(&self, offset: u64, length: u64) {
        if self.direct || length == 0 {
            return; // a length of nothing would be all of the file
        }
        // It says that nobody needs these pages soon, and the first that the kernel does with it is to
        // begin to write those that are dirty.
        self.advise(offset, length, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
    }

    /// Tells the kernel how a range will be used; a length of 0 means all from the offset on. It may ignore that,
    /// so a failure is no error either.
    pub(crate) fn advise(&self, offset: u64, length: u64, advice: PosixFadviseAdvice) {
        if let (Ok(offset), Ok(length)) = (offset.try_into(), length.try_into())
            && let Err(error) = posix_fadvise(&self.file, offset, length, advice)
        {
            log::debug!("{advice:?} at {offset}: {error}");
        }
    }

    /// Waits until everything written is on stable storage.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Brings what others left in the page cache to the device, before it is read past that.
    ///
    /// # Errors
    /// Where the device fails. A thin volume of a full pool refuses even an empty flush if its
    /// first chunk is unmapped: that is no error, for what could not be written is not there.
    pub fn write_back(&self) -> io::Result<()> {
        match self.file.sync_all() {
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                log::info!("nothing more can be written to the pool: {error}");
                Ok(())
            }
            done => done,
        }
    }

    fn fallocate(&self, flags: FallocateFlags, offset: u64, length: u64) -> io::Result<()> {
        let too_large = |_| io::Error::from(io::ErrorKind::InvalidInput);
        let (offset, length) =
            (offset.try_into().map_err(too_large)?, length.try_into().map_err(too_large)?);
        Ok(fallocate(&self.file, flags, offset, length)?)
    }

    fn write_zeros(&self, offset: u64, length: u64) -> io::Result<()> {
        let zeros = vec![0; 1 << 20];
        let mut done = 0;
        while done < length {
            let piece = (length - done).min(zeros.len() as u64);
            self.file.write_all_at(&zeros[..piece as usize], offset + done)?;
            done += piece;
        }
        Ok(())
    }

    /// Fills the first `least` bytes of `buf`, and of the rest what there is.
    fn read_at_least(&self, offset: u64, buf: &mut [u8], least: usize) -> io::Result<()> {
        let mut done = 0;
        while done < least {
            match self.file.read_at(&mut buf[done..], offset + done as u64) {
                Ok(0) => return Err(became_shorter(offset, self.size)),
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn check(&self, offset: u64, length: u64) -> io::Result<()> {
        match offset.checked_add(length) {
            Some(end) if end <= self.size => Ok(()),
            _ => Err(past_end(offset, length as usize, self.size)),
        }
    }
}

impl ReadAt for Device {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.check(offset, buf.len() as u64)?;
        if !self.direct || is_aligned(offset, buf, self.sector) || buf.is_empty() {
            return self.read_at_least(offset, buf, buf.len());
        }
        // O_DIRECT takes whole blocks into aligned memory: read the blocks around the range. The
        // last ones of a file may lie in part past its end, and what is read of them is less.
        let alignment = self.sector.max(ALIGNMENT as u64);
        let begin = offset - offset % alignment;
        let end = offset + buf.len() as u64;
        let around = end.next_multiple_of(alignment).min(self.size.next_multiple_of(self.sector));
        let mut bounce = AlignedBuf::new((around - begin) as usize)?;
        self.read_at_least(begin, &mut bounce, (end - begin) as usize)?;
        let skip = (offset - begin) as usize;
        buf.copy_from_slice(&bounce[skip..skip + buf.len()]);
        Ok(())
    }

    fn behind_hole(&self, offset: u64) -> io::Result<u64> {
        self.behind_hole(offset)
    }
}

/// What ends before the size that it had when it was opened.
fn became_shorter(offset: u64, size: u64) -> io::Error {
    let text = format!(
        "it shrank while it was being read: it had {size} bytes, and a read at offset {offset} \
         reached its end"
    );
    io::Error::new(io::ErrorKind::UnexpectedEof, text)
}

fn unsupported(error: &io::Error) -> bool {
    // A thin pool with `ignore_discard` and most file systems say EOPNOTSUPP; some say ENOSYS.
    matches!(
        error.raw_os_error().map(nix::errno::Errno::from_raw),
        Some(nix::errno::Errno::EOPNOTSUPP | nix::errno::Errno::ENOSYS)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_of(bytes: &[u8]) -> (tempfile::NamedTempFile, Device) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let device = Device::open(file.path(), OpenMode::WriteExclusive).unwrap();
        (file, device)
    }

    #[test]
    fn what_lies_behind_a_hole_is_found() {
        let (file, device) = file_of(&[]);
        file.as_file().set_len(1 << 30).unwrap();
        drop(device);
        let device = Device::open(file.path(), OpenMode::WriteExclusive).unwrap();
        assert_eq!(device.behind_hole(0).unwrap(), 1 << 30);
        device.write_at(1 << 29, b"data").unwrap();
        assert_eq!(device.behind_hole(4096).unwrap(), 1 << 29);
        assert_eq!(device.behind_hole((1 << 29) + 1).unwrap(), (1 << 29) + 1);
        assert_eq!(device.behind_hole(1 << 30).unwrap(), 1 << 30);
        assert_eq!(device.behind_hole(u64::MAX).unwrap(), u64::MAX);
        let mut byte = [0; 4];
        device.read_at(1 << 29, &mut byte).unwrap();
        assert_eq!(&byte, b"data");
    }

    #[test]
    fn a_sync_that_begins_early_changes_nothing() {
        use std::os::unix::fs::MetadataExt;
        let (file, _) = file_of(&[]);
        file.as_file().set_len(16 << 20).unwrap();
        let device = Device::open(file.path(), OpenMode::WriteExclusive).unwrap();
        device.write_at(1 << 20, &[1; 4096]).unwrap();
        device.write_at(8 << 20, &[2; 4096]).unwrap();
        for (offset, length) in [(0, 9 << 20), (0, 0), (8 << 20, 1 << 30), (u64::MAX, 1)] {
            device.begin_sync(offset, length);
        }
        device.sync().unwrap();
        let mut expected = vec![0; 16 << 20];
        expected[1 << 20..][..4096].fill(1);
        expected[8 << 20..][..4096].fill(2);
        assert!(std::fs::read(file.path()).unwrap() == expected);
        // What was a hole still is one.
        assert!(file.path().metadata().unwrap().blocks() * 512 <= 4 << 20);
    }

    #[test]
    fn a_file_is_read_written_zeroed_and_punched() {
        let (file, device) = file_of(&[1; 8192]);
        assert_eq!(device.size(), 8192);
        device.write_at(10, b"hello").unwrap();
        device.zero_out(100, 50).unwrap();
        device.discard(4096, 4096).unwrap();
        device.sync().unwrap();
        let mut expected = vec![1; 8192];
        expected[10..15].copy_from_slice(b"hello");
        expected[100..150].fill(0);
        expected[4096..].fill(0);
        assert_eq!(std::fs::read(file.path()).unwrap(), expected);
        let mut buf = [0; 7];
        device.read_at(9, &mut buf).unwrap();
        assert_eq!(&buf, b"\x01hello\x01");
    }

    #[test]
    fn parts_of_large_sectors_are_written_at_once() {
        const SECTOR: usize = 4096;
        const PIECE: usize = 512;
        const SECTORS: usize = 512;
        // The last piece of each sector is nobody's.
        const WRITERS: usize = SECTOR / PIECE - 1;
        let before = vec![0xff; SECTORS * SECTOR];
        let (file, mut device) = file_of(&before);
        (device.direct, device.sector) = (true, SECTOR as u64);
        let (device, all) = (&device, &std::sync::Barrier::new(WRITERS));
        std::thread::scope(|scope| {
            for number in 0..WRITERS {
                scope.spawn(move || {
                    for sector in 0..SECTORS {
                        all.wait();
                        let offset = sector * SECTOR + number * PIECE;
                        device.write_at(offset as u64, &[number as u8; PIECE]).unwrap();
                    }
                });
            }
        });
        let mut expected = before;
        for (place, piece) in expected.chunks_mut(PIECE).enumerate() {
            let number = place % (SECTOR / PIECE);
            if number < WRITERS {
                piece.fill(number as u8);
            }
        }
        assert!(std::fs::read(file.path()).unwrap() == expected);
    }

    #[test]
    fn ranges_between_large_sectors_are_written_and_read() {
        let before: Vec<u8> = (0..5 * 4096).map(|place: u32| (place / 512) as u8).collect();
        for (begin, end) in [
            (512, 1024),
            (3584, 4608),
            (512, 16896),
            (4096, 8192),
            (4096, 8704),
            (0, 20480),
            (512, 512),
        ] {
            let (file, mut device) = file_of(&before);
            (device.direct, device.sector) = (true, 4096);
            let bytes = vec![0xee; end - begin];
            device.write_at(begin as u64, &bytes).unwrap();
            let mut expected = before.clone();
            expected[begin..end].copy_from_slice(&bytes);
            assert!(std::fs::read(file.path()).unwrap() == expected, "{begin}..{end}");
            let mut around = vec![0; (end + 512).min(before.len()) - begin];
            device.read_at(begin as u64, &mut around).unwrap();
            assert!(around == expected[begin..begin + around.len()], "{begin}..{end}");
        }
    }

    #[test]
    fn the_end_of_a_file_is_read_past_the_page_cache() {
        let bytes: Vec<u8> =
            (0..3 * 4096 + 512 + 7).map(|place: u32| (place / 512) as u8).collect();
        let (_file, mut device) = file_of(&bytes);
        (device.direct, device.sector) = (true, 4096);
        for begin in [0, 512, 4096, 8192 + 512, 3 * 4096, bytes.len() - 7, bytes.len() - 1] {
            let mut buf = vec![0; bytes.len() - begin];
            device.read_at(begin as u64, &mut buf).unwrap();
            assert!(buf == bytes[begin..], "{begin}");
        }
        assert!(device.read_at(3 * 4096, &mut [0; 520]).is_err());
    }

    #[test]
    fn nothing_is_read_or_written_past_the_end() {
        let (file, device) = file_of(&[1; 4096]);
        assert!(device.write_at(4090, b"1234567").is_err());
        assert!(device.zero_out(4090, 7).is_err());
        assert!(device.discard(u64::MAX, 2).is_err());
        assert!(device.read_at(4096, &mut [0]).is_err());
        assert_eq!(std::fs::read(file.path()).unwrap(), [1; 4096]);
    }

    #[test]
    fn a_file_that_becomes_shorter_is_an_error() {
        for direct in [false, true] {
            let (file, mut device) = file_of(&[1; 3 * 4096]);
            (device.direct, device.sector) = (direct, if direct { 4096 } else { 512 });
            device.read_at(4096, &mut [0; 8192]).unwrap();
            file.as_file().set_len(4096).unwrap();
            device.read_at(0, &mut [0; 4096]).unwrap();
            let read = device.read_at(4096, &mut [0; 4096]).unwrap_err();
            for error in [read, device.behind_hole(4096).unwrap_err()] {
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
                assert!(error.to_string().contains("shrank while"), "{error}");
            }
        }
    }

    #[test]
    fn what_is_neither_file_nor_device_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Device::open(folder.path(), OpenMode::Read).is_err());
        let fifo = folder.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(Device::open(&fifo, OpenMode::Read).is_err());
    }
}
