//! [`Aside`]: a file that stays invisible until it is complete.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use blockio::{folder_of, sync_folder};
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag};
use nix::unistd::{geteuid, linkat};
use tempfile::NamedTempFile;

/// A new file that gets its name only once it is complete; only its owner can read it.
///
/// Where the file system supports it, the file has no name at all until then, so nothing is left behind
/// however the run ends, except during the moment in which it replaces another file. Elsewhere it has a random
/// name next to its destination and is removed when this value is dropped: a run that is killed leaves it.
pub struct Aside {
    file: Body,
    /// The destination.
    path: PathBuf,
    prefix: &'static str,
}

enum Body {
    Nameless(File),
    Named(NamedTempFile),
}

impl Aside {
    /// Creates the file in the folder of `path`; a temporary name begins with `prefix`.
    ///
    /// # Errors
    /// If the file cannot be created in that folder.
    pub fn new(path: &Path, prefix: &'static str) -> io::Result<Self> {
        let file = match nameless(folder_of(path)) {
            Some(file) => Body::Nameless(file),
            None => Body::Named(named(path, prefix)?),
        };
        Ok(Self { file, path: path.into(), prefix })
    }

    /// The file, to write to.
    pub fn file(&self) -> &File {
        match &self.file {
            Body::Nameless(file) => file,
            Body::Named(file) => file.as_file(),
        }
    }

    /// A path by which this process can open the file again.
    pub fn open_path(&self) -> PathBuf {
        match &self.file {
            Body::Nameless(file) => link_of(file),
            Body::Named(file) => file.path().into(),
        }
    }

    /// Waits until the file is on stable storage, then gives it its name. An existing file of that
    /// name is replaced: anyone who opens it sees either the old one or the new one.
    ///
    /// # Errors
    /// If it cannot be written or named.
    pub fn replace(self) -> io::Result<()> {
        self.file().sync_all()?;
        match self.file {
            Body::Named(file) => file.persist(&self.path).map(drop).map_err(|error| error.error)?,
            Body::Nameless(file) => match link(&file, &self.path) {
                // No system call lets an unnamed file replace a named one: for a moment it has two names.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    let mut builder = tempfile::Builder::new();
                    let beside = builder.prefix(self.prefix);
                    let linked = beside.make_in(folder_of(&self.path), |path| link(&file, path))?;
                    linked.into_temp_path().persist(&self.path).map_err(|error| error.error)?;
                }
                linked => linked?,
            },
        }
        sync_folder(&self.path)
    }

    /// Like [`Aside::replace`], but the name must not be taken.
    ///
    /// # Errors
    /// If the name is taken, even by a dangling link, and as [`Aside::replace`].
    pub fn place(self) -> io::Result<()> {
        self.file().sync_all()?;
        match self.file {
            Body::Named(file) => {
                file.persist_noclobber(&self.path).map(drop).map_err(|error| error.error)?;
            }
            Body::Nameless(file) => link(&file, &self.path)?,
        }
        sync_folder(&self.path)
    }
}

/// Whether `path` is a link that somebody else made in a world-writable folder: root, replacing its
/// target, would replace whatever file they chose. This is the rule by which the kernel
/// follows links (kernel: Documentation/admin-guide/sysctl/fs.rst, protected_symlinks); it does not
/// apply to reading a link.
///
/// # Errors
/// If it cannot be examined.
pub fn is_planted_link(path: &Path) -> io::Result<bool> {
    const STICKY_AND_ANYBODYS: u32 = 0o1002;
    let (link, folder) = (path.symlink_metadata()?, folder_of(path).metadata()?);
    let is_shared = folder.mode() & STICKY_AND_ANYBODYS == STICKY_AND_ANYBODYS;
    let is_others = link.uid() != geteuid().as_raw() && link.uid() != folder.uid();
    Ok(link.is_symlink() && is_shared && is_others)
}

/// None if the file system has no unnamed files.
fn nameless(folder: &Path) -> Option<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(OFlag::O_TMPFILE.bits())
        .open(folder)
        .ok()?;
    // It gets its name through /proc; if that is missing, later would be too late to find out.
    link_of(&file).exists().then_some(file)
}

fn named(path: &Path, prefix: &str) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(prefix).tempfile_in(folder_of(path))
}

fn link_of(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

/// Gives a file a name; fails if it is taken.
fn link(file: &File, path: &Path) -> io::Result<()> {
    Ok(linkat(AT_FDCWD, &link_of(file), AT_FDCWD, path, AtFlags::AT_SYMLINK_FOLLOW)?)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    /// Without a name, if the file system supports it, and with one.
    fn both(path: &Path) -> Vec<Aside> {
        let prefix = ".test-";
        let file = Body::Named(named(path, prefix).unwrap());
        let mut asides = vec![Aside { file, path: path.into(), prefix }];
        asides.extend(nameless(folder_of(path)).map(|file| Aside {
            file: Body::Nameless(file),
            path: path.into(),
            prefix,
        }));
        asides
    }

    fn names(folder: &Path) -> Vec<String> {
        let names = std::fs::read_dir(folder).unwrap();
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn it_takes_the_place_of_what_was_there_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for before in [None, Some("before")] {
            for aside in both(&path) {
                match before {
                    Some(text) => std::fs::write(&path, text).unwrap(),
                    None => _ = std::fs::remove_file(&path),
                }
                let mut file = File::options().write(true).open(aside.open_path()).unwrap();
                file.write_all(b"after").unwrap();
                aside.replace().unwrap();
                assert_eq!(std::fs::read(&path).unwrap(), b"after");
                assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            }
        }
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn a_name_that_is_taken_is_not_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for aside in both(&path) {
            symlink("nowhere", &path).unwrap();
            let error = aside.place().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            std::fs::remove_file(&path).unwrap();
        }
        for aside in both(&path) {
            _ = std::fs::remove_file(&path);
            aside.place().unwrap();
            assert!(path.symlink_metadata().unwrap().is_file());
        }
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn what_is_given_up_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        drop(both(&folder.path().join("file")));
        assert!(names(folder.path()).is_empty());
    }
}
