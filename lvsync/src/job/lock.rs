//! [`Lock`]: one run of a job at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use anyhow::Context;
use flow::{Refusal, escaped};
use jiff::Timestamp;
use nix::libc::O_NOFOLLOW;
use nix::unistd::geteuid;

/// Where the locks are.
pub(super) const FOLDER: &str = "/run/lock/lvsync";

/// Nobody says more of himself.
const LONGEST: u64 = 200;

/// Held until it is dropped, or this process ends, however it does.
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a job, in this folder.
    pub(super) fn take(folder: &Path, job: &str, now: Timestamp) -> anyhow::Result<Self> {
        let about = || folder.display().to_string();
        DirBuilder::new().recursive(true).mode(0o755).create(folder).with_context(about)?;
        // Everyone may make folders beside it.
        let is_ours = folder.symlink_metadata().map(|found| {
            found.is_dir() && found.uid() == geteuid().as_raw() && found.mode() & 0o022 == 0
        });
        if !is_ours.with_context(about)? {
            return Err(Refusal::unfit(format!(
                "{} is not a folder that this user alone can write to: remove it",
                folder.display()
            ))
            .into());
        }
        let path = folder.join(format!("{job}.lock"));
        let about = || path.display().to_string();
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file =
            options.mode(0o600).custom_flags(O_NOFOLLOW).open(&path).with_context(about)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                _ = file.take(LONGEST).read_to_string(&mut holder);
                let holder = match holder.trim() {
                    "" => "another run".into(),
                    holder => escaped(holder),
                };
                return Err(Refusal::busy(format!("{holder} has the lock of job {job}")).into());
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(about),
        }
        file.set_len(0).with_context(about)?;
        let second = now.as_second();
        let now = Timestamp::from_second(second).unwrap_or(now);
        writeln!(file, "process {}, which began at {now},", std::process::id())
            .with_context(about)?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_one_learns_who_was_first() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("locks");
        let now = Timestamp::from_second(0).unwrap();
        let take = |job| Lock::take(&folder, job, now);
        let held = take("a").unwrap();
        let other = take("b").unwrap();
        let error = take("a").err().unwrap();
        let expected = format!(
            "process {}, which began at 1970-01-01T00:00:00Z, has the lock of job a",
            std::process::id()
        );
        assert_eq!((cli::exit_code(&error), error.to_string()), (9, expected));
        drop(held);
        drop(take("a").unwrap());
        drop(other);
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp::from_second(0).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/tmp", &link).unwrap();
        assert!(Lock::take(&link, "a", now).is_err());
        let open = folder.path().join("open");
        std::fs::create_dir(&open).unwrap();
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(Lock::take(&open, "a", now).is_err());
    }
}
