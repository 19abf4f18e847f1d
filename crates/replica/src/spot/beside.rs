//! [`Beside`]: the files that belong to a device or an image.

use std::path::{Path, PathBuf};

use blockio::folder_of;

/// Where the files are that belong to a device or an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Beside {
    /// What it is a copy of, if neither tags nor an attribute can say so.
    pub(super) record: PathBuf,
    /// What leads back while it is written.
    pub(super) undo: PathBuf,
    /// An image that is not complete yet.
    pub(super) new: PathBuf,
    /// Locked by whoever writes to it.
    pub(super) lock: PathBuf,
}

impl Beside {
    /// Hidden files in an image's own folder.
    pub(super) fn of_image(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self::named(folder_of(path), &format!(".{name}.lvsync"))
    }

    /// Files in a folder for state: there is no stable storage beside a device. `key` is the UUID of a logical
    /// volume, or the device's path.
    pub(super) fn of_device(state: &Path, key: &str) -> Self {
        // A path that is accepted has no `%`.
        Self::named(state, &format!("device{}", format!("/{key}").replace('/', "%")))
    }

    fn named(folder: &Path, name: &str) -> Self {
        let with = |end: &str| folder.join(format!("{name}{end}"));
        Self { record: with(""), undo: with("-undo"), new: with("-new"), lock: with("-lock") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_has_hidden_files_beside_it() {
        let beside = Beside::of_image(Path::new("/srv/disk.img"));
        assert_eq!(beside.record, Path::new("/srv/.disk.img.lvsync"));
        assert_eq!(beside.undo, Path::new("/srv/.disk.img.lvsync-undo"));
    }

    #[test]
    fn two_devices_have_no_file_in_common() {
        let record = |key: &str| Beside::of_device(Path::new("/state"), key).record;
        let all = ["u-1", "/dev/a/b", "/dev/a-b", "/dev/a%b"].map(record);
        assert_eq!(all[0], Path::new("/state/device%u-1"));
        assert_eq!(all[1], Path::new("/state/device%%dev%a%b"));
        assert!(all.iter().all(|path| path.parent() == Some(Path::new("/state"))));
        assert_ne!(all[1], all[2]);
    }
}
