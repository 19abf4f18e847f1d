//! [`Lock`]: one run at a time writes to a device or an image.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use flow::Refusal;
use nix::fcntl::OFlag;

/// A lock file that this run has; it goes with this value. The kernel lets go of it however a run ends, so none is
/// ever stale.
pub(super) struct Lock {
    path: PathBuf,
    /// Locked for as long as it is open.
    _file: File,
}

impl Lock {
    /// Takes the lock at `path`; `name` is what is locked, for messages.
    ///
    /// # Errors
    /// If another run has it, or it cannot be made.
    pub(super) fn take(path: &Path, name: &str) -> anyhow::Result<Self> {
        loop {
            let file = open(path).with_context(|| format!("the lock {}", path.display()))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(Refusal::unfit(format!("another run is writing to {name}")).into());
                }
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("the lock {}", path.display()));
                }
            }
            // Whoever had it before may have removed it meanwhile.
            let is_it = |other: std::fs::Metadata| -> io::Result<bool> {
                let own = file.metadata()?;
                Ok((own.dev(), own.ino()) == (other.dev(), other.ino()))
            };
            if path.symlink_metadata().and_then(is_it).unwrap_or(false) {
                return Ok(Self { path: path.into(), _file: file });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            log::warn!("{} is left: {error}", self.path.display());
        }
    }
}

/// Nobody's link is followed: the folder may be anybody's.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_it_at_a_time_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = Lock::take(&path, "x").unwrap();
        let error = Lock::take(&path, "/dev/x").err().unwrap();
        assert!(error.to_string().contains("/dev/x"), "{error}");
        drop(lock);
        assert!(!path.exists());
        Lock::take(&path, "x").unwrap();
    }

    #[test]
    fn a_file_that_a_killed_run_left_is_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        std::fs::write(&path, "").unwrap();
        Lock::take(&path, "x").unwrap();
    }

    #[test]
    fn a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &path).unwrap();
        Lock::take(&path, "x").err().unwrap();
        assert!(!folder.path().join("elsewhere").exists());
    }
}
