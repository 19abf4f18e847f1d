//! [`Device::claim`]: nobody else may have it while it is written, nor get it meanwhile.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;

use crate::Device;
use crate::beneath::{Backing, Beneath, LoopDevice};

/// The bytes of an image that programs lock while they have it: libvirt's virtlockd the first, QEMU some
/// from 100 and from 200 on (block/file-posix.c, RAW_LOCK_PERM_BASE and RAW_LOCK_SHARED_BASE). QEMU
/// takes read locks only, and one of these is refused while all of them are locked for writing; so a
/// program that has the image refuses it here, and is refused there.
const LOCKED: (i64, i64) = (0, 300);

/// Of these bytes: what QEMU locks while it writes or resizes (bits 1 and 3 from 100 on), and what it
/// locks so that nobody else does (the same bits from 200 on).
const WRITING: [i64; 2] = [101, 103];
const READING: [i64; 3] = [100, 201, 203];

/// Of these bytes: what is locked of a file in which others may be written to as well; and what no two
/// runs with such a file lock, so who does is another program. QEMU asks for byte 200 before it reads, and
/// locks byte 100 then; it asks for 101 where it does not let others write, and locks 201 then.
const SHARED: [(i64, i64); 2] = [(0, 100), (101, 100)];
const ALONE: [(i64, i64); 2] = [(100, 1), (201, 99)];

impl Device {
    /// Holds a device or image that is open for writing, for as long as it is open: refuses one that
    /// another program has, as far as can be told, and keeps others out. That a block device is not
    /// mounted is [`OpenMode::WriteExclusive`](crate::OpenMode)'s part.
    ///
    /// # Errors
    /// `ResourceBusy`, which says who has it, or an error where that cannot be asked.
    pub fn claim(&mut self) -> io::Result<()> {
        let mut held = Vec::new();
        let beneath = self.check_loops()?;
        lock(self.file())?;
        if !self.is_block() {
            lock_whole(self.file())?;
        }
        for (path, is_own) in beneath.files() {
            // The file of a loop device that is written: anyone who has it sees it change.
            let Some(file) = open_beneath(&path)? else { continue };
            match is_own {
                true => lock(&file).and_then(|()| lock_whole(&file)),
                false => lock_shared(&file),
            }
            .map_err(|error| {
                io::Error::new(error.kind(), format!("{}, below it: {error}", path.display()))
            })?;
            held.push(file);
        }
        self.keep(held);
        Ok(())
    }

    /// Says whether [`Device::claim`] would be refused at the moment, of a device that may be open for
    /// reading only.
    ///
    /// # Errors
    /// As [`Device::claim`].
    pub fn check_claim(&self) -> io::Result<()> {
        self.check_loops()?;
        match is_locked(self.file(), LOCKED, libc::F_WRLCK)? {
            true => Err(busy(IN_USE)),
            false => Ok(()),
        }
    }

    /// Keeps those out who would write to an image while it is read, as QEMU's tools do; refuses one that
    /// is being written.
    ///
    /// # Errors
    /// `ResourceBusy`.
    pub fn claim_for_reading(&self) -> io::Result<()> {
        for byte in READING {
            set_lock(self.file(), (byte, 1), libc::F_RDLCK)?;
        }
        for byte in WRITING {
            if is_locked(self.file(), (byte, 1), libc::F_WRLCK)? {
                return Err(busy(IN_USE));
            }
        }
        Ok(())
    }

    /// Refuses what a loop device has open, at any depth: that takes no lock, and holds nothing
    /// exclusively.
    fn check_loops(&self) -> io::Result<Beneath> {
        let metadata = self.file().metadata()?;
        let own = match self.is_block() {
            true => Backing::Block(metadata.rdev()),
            false => Backing::File(metadata.dev(), metadata.ino()),
        };
        let loops = LoopDevice::all();
        let beneath = Beneath::of(own, &loops);
        if let Some(user) = beneath.other_user(&loops) {
            return Err(busy(&format!(
                "{user} has it open: unmount what is mounted from it, and detach it with `losetup -d`"
            )));
        }
        for node in beneath.devices() {
            let held = OpenOptions::new()
                .read(true)
                .custom_flags((OFlag::O_EXCL | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).bits())
                .open(&node);
            if held.is_err_and(|error| error.raw_os_error() == Some(Errno::EBUSY as i32)) {
                return Err(busy(&format!(
                    "it lies on {}, which is mounted or in use",
                    node.display()
                )));
            }
        }
        let unknown = beneath.unknown(&loops);
        if !unknown.is_empty() {
            log::warn!(
                "it cannot be determined which file {} has open; make sure that it is a \
                 different one",
                unknown.join(", ")
            );
        }
        Ok(beneath)
    }
}

const IN_USE: &str = "another program has it open, and has locked it (a virtual machine, qemu-nbd, \
                      another run): `lslocks` and `fuser -v` say which";

fn busy(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::ResourceBusy, why)
}

/// Where the file is gone, or cannot be written, nobody else can be told.
fn open_beneath(path: &Path) -> io::Result<Option<File>> {
    match File::options().read(true).write(true).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) => {
            log::info!("{}: {error}", path.display());
            Ok(None)
        }
    }
}

fn lock(file: &File) -> io::Result<()> {
    set_lock(file, LOCKED, libc::F_WRLCK)
}

/// For a file that a part of is written to: volumes of a group on a loop device do not keep each other
/// out.
fn lock_shared(file: &File) -> io::Result<()> {
    for range in SHARED {
        set_lock(file, range, libc::F_RDLCK)?;
    }
    for range in ALONE {
        if is_locked(file, range, libc::F_WRLCK)? {
            return Err(busy(IN_USE));
        }
    }
    flocked(file.try_lock_shared())
}

/// An open file description lock (fcntl(2), F_OFD_SETLK), which is there until the file is closed. A
/// file system that has none is no error: then flock(2) keeps runs of ours apart.
fn set_lock(file: &File, range: (i64, i64), kind: i32) -> io::Result<()> {
    match fcntl(file, FcntlArg::F_OFD_SETLK(&flock(range, kind))) {
        Err(Errno::EAGAIN | Errno::EACCES) => Err(busy(IN_USE)),
        Err(error) if has_no_locks(error) => {
            log::info!("it does not support open file description locks: {error}");
            Ok(())
        }
        done => Ok(done.map(drop)?),
    }
}

/// Whether somebody else has a lock that `kind` does not go with.
fn is_locked(file: &File, range: (i64, i64), kind: i32) -> io::Result<bool> {
    let mut lock = flock(range, kind);
    match fcntl(file, FcntlArg::F_OFD_GETLK(&mut lock)) {
        Err(error) if has_no_locks(error) => Ok(false),
        asked => asked.map(|_| i32::from(lock.l_type) != libc::F_UNLCK).map_err(Into::into),
    }
}

fn has_no_locks(error: Errno) -> bool {
    matches!(error, Errno::EINVAL | Errno::ENOLCK | Errno::EOPNOTSUPP | Errno::ENOSYS)
}

fn flock((start, length): (i64, i64), kind: i32) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: start,
        l_len: length,
        l_pid: 0,
    }
}

/// flock(2), for tools that use that.
fn lock_whole(file: &File) -> io::Result<()> {
    flocked(file.try_lock())
}

fn flocked(tried: Result<(), TryLockError>) -> io::Result<()> {
    match tried {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(busy(
            "another program has it locked with flock(2): `lslocks` and `fuser -v` say which",
        )),
        Err(TryLockError::Error(error)) => {
            log::info!("it does not support flock: {error}");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OpenMode;

    fn image() -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(1 << 20).unwrap();
        file
    }

    fn writer(file: &tempfile::NamedTempFile) -> Device {
        Device::open(file.path(), OpenMode::WriteExclusive).unwrap()
    }

    #[test]
    fn one_writer_at_a_time() {
        let file = image();
        let mut first = writer(&file);
        first.claim().unwrap();
        assert_eq!(writer(&file).claim().unwrap_err().kind(), io::ErrorKind::ResourceBusy);
        let reader = Device::open(file.path(), OpenMode::Read).unwrap();
        assert!(reader.check_claim().is_err());
        assert!(reader.claim_for_reading().is_err());
        drop((first, reader));
        writer(&file).claim().unwrap();
    }

    #[test]
    fn readers_keep_writers_out_and_not_each_other() {
        let file = image();
        let open = || Device::open(file.path(), OpenMode::Read).unwrap();
        let readers = [open(), open()];
        readers.iter().for_each(|reader| reader.claim_for_reading().unwrap());
        assert!(writer(&file).claim().is_err());
        drop(readers);
        open().check_claim().unwrap();
        writer(&file).claim().unwrap();
    }

    #[test]
    fn neighbours_in_a_file_keep_others_out_and_not_each_other() {
        let file = image();
        let open = || File::options().read(true).write(true).open(file.path()).unwrap();
        let neighbours = [open(), open()];
        neighbours.iter().for_each(|neighbour| lock_shared(neighbour).unwrap());
        assert!(writer(&file).claim().is_err());
        let reader = Device::open(file.path(), OpenMode::Read).unwrap();
        assert!(reader.check_claim().is_err());
        assert!(reader.claim_for_reading().is_err());
        drop((neighbours, reader));

        let mut first = writer(&file);
        first.claim().unwrap();
        assert!(lock_shared(&open()).is_err());
        drop(first);
        let reader = Device::open(file.path(), OpenMode::Read).unwrap();
        reader.claim_for_reading().unwrap();
        assert!(lock_shared(&open()).is_err());
        drop(reader);
        // As virtlockd does, and a program that uses flock(2).
        let other = open();
        set_lock(&other, (0, 1), libc::F_WRLCK).unwrap();
        assert!(lock_shared(&open()).is_err());
        drop(other);
        file.as_file().lock().unwrap();
        assert!(lock_shared(&open()).is_err());
        file.as_file().unlock().unwrap();
        lock_shared(&open()).unwrap();
    }

    #[test]
    fn a_whole_lock_alone_is_enough() {
        let file = image();
        file.as_file().lock().unwrap();
        let error = writer(&file).claim().unwrap_err();
        assert!(error.to_string().contains("flock"), "{error}");
    }
}
