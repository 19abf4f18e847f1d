//! [`LockFile`]: how runs of ours keep out of each other's way, and know what a killed one left.
//!
//! A lock is a flock(2) on a file below /run/lock. The file's text is a record of what its holder
//! changed; a file that exists while nobody holds its lock was left by a run that was killed. A
//! holder that is done removes the file, so a lock counts only while its path still leads to it.
//!
//! The files, in /run/lock, opened with O_NOFOLLOW, of the user that runs the program:
//!
//! - `lvdiff.VG-POOL-tpool.lock`, for a metadata snapshot: one run at a time, others wait. Its record is `reserving a
//!   metadata snapshot, transaction T, boot B, pool UUID`, then `metadata snapshot held at block N, transaction T, boot
//!   B, pool UUID`.
//! - `lvdiff.VG-LV.active.lock`, for an activation: shared by the runs that need the volume; the last one deactivates
//!   it. Its record is `activating for the time of a run: boot B` and what LVM reports about its steps, then
//!   `activated for the time of a run: device MAJOR:MINOR, disk sequence S, boot B`.
//! - `lvdiff.VG.lvdiff_tmp_….lock`, with very long names of groups `lvdiff.VG.lvd….lock`, for a temporary snapshot,
//!   which has the tag `lvdiff_tmp` as well. It has no record.
//!
//! A record counts only in its own boot, and if
//!
//! - the metadata snapshot is held at block N, and the pool's transaction id is T or higher; or, if the run was still
//!   reserving, the id is T: nothing else has happened;
//! - the active device is the very same, by number and disk sequence. If LVM was still activating, the device must have
//!   been created before LVM's last message in the file. Kernels before Linux 5.15 have no disk sequence: then the
//!   activation counts as somebody else's, and stays.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use nix::fcntl::OFlag;

use crate::error::Result;
use crate::{Error, command};

const FOLDER: &str = "/run/lock";

/// Asked again and again while another run is waited for; false gives up.
pub type KeepWaiting<'a> = &'a dyn Fn() -> bool;

/// A lock, held alone or shared with others until it is dropped.
pub(crate) struct LockFile {
    file: File,
    path: PathBuf,
}

/// What [`LockFile::join`] came to.
pub(crate) enum Joined {
    /// The lock is held alone.
    Alone(LockFile),
    /// It is shared with other runs.
    Shared(LockFile),
    /// Another run holds it alone at the moment.
    Busy,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Exclusive,
    Shared,
}

impl LockFile {
    /// Waits for the lock on `object` (a device's name, say), and holds it alone.
    pub(crate) fn wait(object: &str, keep_waiting: KeepWaiting<'_>) -> Result<Self> {
        let path = path_of(object);
        let mut said = false;
        loop {
            if let Some(lock) = Self::try_at(&path)? {
                return Ok(lock);
            }
            if !said {
                log::warn!("waiting for another run, which holds {}", path.display());
                said = true;
            }
            pause(&path, keep_waiting)?;
        }
    }

    /// Takes the lock on `object` alone; `None` where another run has it.
    pub(crate) fn try_now(object: &str) -> Result<Option<Self>> {
        Self::try_at(&path_of(object))
    }

    /// Whether there is a lock file of `object`, held or not: a run that sees this folder made it.
    pub(crate) fn exists(object: &str) -> bool {
        path_of(object).symlink_metadata().is_ok()
    }

    /// The objects whose names begin so and that have a lock file.
    pub(crate) fn objects(begin: &str) -> Result<Vec<String>> {
        let error = |error| Error::Io(format!("lock files in {FOLDER}"), error);
        let mut objects = Vec::new();
        for entry in std::fs::read_dir(FOLDER).map_err(error)? {
            let name = entry.map_err(error)?.file_name();
            let object = name
                .to_str()
                .and_then(|name| name.strip_prefix("lvdiff.")?.strip_suffix(".lock"))
                .filter(|object| object.starts_with(begin));
            objects.extend(object.map(Into::into));
        }
        Ok(objects)
    }

    /// Takes the lock on `object` alone if nobody has it, else shares it if the others do.
    pub(crate) fn join(object: &str) -> Result<Joined> {
        let path = path_of(object);
        if let Some(lock) = Self::try_at(&path)? {
            return Ok(Joined::Alone(lock));
        }
        let lock = Self { file: open(&path)?, path };
        let shared = lock.try_mode(Mode::Shared)? && lock.is_current();
        Ok(if shared { Joined::Shared(lock) } else { Joined::Busy })
    }

    fn try_at(path: &Path) -> Result<Option<Self>> {
        loop {
            let lock = Self { file: open(path)?, path: path.into() };
            if !lock.try_mode(Mode::Exclusive)? {
                return Ok(None);
            }
            // Its last holder may have removed the file between the opening and the locking.
            if lock.is_current() {
                return Ok(Some(lock));
            }
        }
    }

    /// Shares the lock with others from now on; false where another run holds it alone by now,
    /// because it is free for an instant in between.
    pub(crate) fn share(&self) -> Result<bool> {
        self.try_mode(Mode::Shared)
    }

    /// Holds a shared lock alone. Where somebody else shares it, it is given up instead.
    pub(crate) fn try_exclusive(&self) -> Result<bool> {
        self.try_mode(Mode::Exclusive)
    }

    /// True while the path still leads to the file that is locked.
    pub(crate) fn is_current(&self) -> bool {
        match (self.file.metadata(), std::fs::symlink_metadata(&self.path)) {
            (Ok(held), Ok(there)) => (held.dev(), held.ino()) == (there.dev(), there.ino()),
            _ => false,
        }
    }

    /// The record that is in the file: the holder's own, or that of a run that was killed.
    pub(crate) fn record(&self) -> Result<String> {
        let read = || {
            let mut bytes = Vec::new();
            let mut file = &self.file;
            file.seek(SeekFrom::Start(0))?;
            file.take(4096).read_to_end(&mut bytes)?;
            // LVM's words may be in it, in any characters, and cut.
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        read().map_err(|error| self.error(error))
    }

    /// Puts a record into the file in place of what was there.
    pub(crate) fn set_record(&self, record: &str) -> Result<()> {
        let write = || {
            let mut file = &self.file;
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(record.as_bytes())
        };
        write().map_err(|error| self.error(error))
    }

    /// Runs a command of LVM's, which tells after the record what it does. It shares the lock until it
    /// has ended, so that no other run comes in between where this one is killed.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> Result<()> {
        command::run_telling(program, arguments, &self.file)
    }

    /// When the record was set, or LVM told something after it.
    pub(crate) fn last_written(&self) -> Result<SystemTime> {
        let modified = self.file.metadata().and_then(|metadata| metadata.modified());
        modified.map_err(|error| self.error(error))
    }

    /// Removes the file and gives the lock up: nothing is left to know. Only for one who holds it
    /// alone.
    pub(crate) fn remove(self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            log::warn!("{} could not be removed: {error}", self.path.display());
        }
    }

    fn try_mode(&self, mode: Mode) -> Result<bool> {
        let locked = match mode {
            Mode::Exclusive => self.file.try_lock(),
            Mode::Shared => self.file.try_lock_shared(),
        };
        match locked {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(self.error(error)),
        }
    }

    fn error(&self, error: io::Error) -> Error {
        Error::Io(format!("lock file {}", self.path.display()), error)
    }
}

pub(crate) fn pause(path: &Path, keep_waiting: KeepWaiting<'_>) -> Result<()> {
    if !keep_waiting() {
        return Err(Error::WaitGivenUp(path.into()));
    }
    std::thread::sleep(Duration::from_millis(50));
    Ok(())
}

fn path_of(object: &str) -> PathBuf {
    Path::new(FOLDER).join(format!("lvdiff.{object}.lock"))
}

/// Opens a lock file, which may be new. The folder can be anybody's to write: a link, or a file
/// that is not ours alone, is refused.
fn open(path: &Path) -> Result<File> {
    let error = |error| Error::Io(format!("lock file {}", path.display()), error);
    let is_root = nix::unistd::geteuid().is_root();
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(path);
    let file = match opened {
        Err(denied) if denied.kind() == io::ErrorKind::PermissionDenied => {
            return Err(refused(path, denied, is_root, path.symlink_metadata().is_ok()));
        }
        // What O_NOFOLLOW makes of a link.
        Err(link) if link.raw_os_error() == Some(Errno::ELOOP as i32) => {
            return Err(not_ours(path));
        }
        opened => opened.map_err(error)?,
    };
    let metadata = file.metadata().map_err(error)?;
    let ours = metadata.is_file() && metadata.uid() == nix::unistd::geteuid().as_raw();
    if !ours || metadata.nlink() > 1 {
        return Err(not_ours(path));
    }
    Ok(file)
}

/// Why a lock file was refused to us. In a folder that is anybody's to write, the kernel refuses
/// even root a file that another user made there (kernel: Documentation/admin-guide/sysctl/fs.rst,
/// protected_regular).
fn refused(path: &Path, error: io::Error, is_root: bool, exists: bool) -> Error {
    match (is_root, exists) {
        (false, _) => Error::NeedsRoot(format!("lock file {}", path.display())),
        (true, true) => not_ours(path),
        (true, false) => Error::Io(format!("lock file {}", path.display()), error),
    }
}

fn not_ours(path: &Path) -> Error {
    Error::State(format!(
        "{} was not created by lvdiff or lvpatch; check who created it, and remove it",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_at_a_time_and_no_file_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = LockFile::try_at(&path).unwrap().unwrap();
        assert!(LockFile::try_at(&path).unwrap().is_none());
        first.set_record("a longer record").unwrap();
        first.set_record("held 7").unwrap();
        drop(first);
        let second = LockFile::try_at(&path).unwrap().unwrap();
        assert_eq!(second.record().unwrap(), "held 7");
        second.remove();
        assert!(!path.exists());
        let third = LockFile::try_at(&path).unwrap().unwrap();
        assert_eq!(third.record().unwrap(), "");
    }

    #[test]
    fn the_last_of_several_sharers_can_hold_it_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = LockFile::try_at(&path).unwrap().unwrap();
        assert!(first.share().unwrap());
        let second = LockFile { file: open(&path).unwrap(), path: path.clone() };
        assert!(second.share().unwrap());
        assert!(!first.try_exclusive().unwrap());
        // The first gave its share up by trying.
        assert!(second.try_exclusive().unwrap());
    }

    #[test]
    fn a_refusal_says_who_must_act() {
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let refused =
            |is_root, exists| refused(Path::new("/lock"), denied(), is_root, exists).to_string();
        assert!(refused(false, true).contains("needs root"));
        assert!(refused(true, true).contains("/lock was not created by lvdiff or lvpatch"));
        assert_eq!(refused(true, false), "lock file /lock");
    }

    #[test]
    fn links_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link, hard) =
            (folder.path().join("target"), folder.path().join("link"), folder.path().join("hard"));
        std::fs::write(&target, "precious").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        std::fs::hard_link(&target, &hard).unwrap();
        let message = LockFile::try_at(&link).err().unwrap().to_string();
        assert!(message.contains("was not created by lvdiff or lvpatch"), "{message}");
        assert!(LockFile::try_at(&hard).is_err());
        assert_eq!(std::fs::read(&target).unwrap(), b"precious");
    }
}
