//! [`Node`]: a path by which a block device can be opened.

use std::fs::DirBuilder;
use std::io;
use std::ops::Deref;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::sys::statvfs::{FsFlags, statvfs};

use crate::error::Result;
use crate::{DeviceNumber, Error};

/// A device's node: one that is there, or one that was made for this, and goes with it.
#[derive(Debug)]
pub struct Node {
    path: PathBuf,
    /// The folder that was made for it.
    folder: Option<PathBuf>,
}

/// Where a node can be made, if the file system there allows any.
const FOLDERS: [&str; 4] = ["/dev", "/run", "/var/tmp", "/tmp"];

impl Node {
    /// Finds the device's node, whatever it is called: a container's /dev may lack the kernel's name of
    /// it, or all of them. Then one is made by its number, in a folder that only root can enter.
    ///
    /// # Errors
    /// Where there is no such device, or no node can be made.
    pub fn of(number: DeviceNumber) -> Result<Self> {
        let folder = number.sysfs();
        let uevent = std::fs::read_to_string(folder.join("uevent"))
            .map_err(|error| Error::Io(format!("there is no block device {number}"), error))?;
        let kernels_name = uevent.lines().find_map(|line| line.strip_prefix("DEVNAME="));
        let mappers_name = number.dm_name().map(|name| format!("mapper/{name}"));
        let by_number = format!("block/{number}");
        let names = [kernels_name, mappers_name.as_deref(), Some(&by_number)];
        let paths = names.into_iter().flatten().map(|name| Path::new("/dev").join(name));
        for path in paths {
            if leads_to(&path, number) {
                return Ok(Self { path, folder: None });
            }
        }
        Self::make(number)
    }

    fn make(number: DeviceNumber) -> Result<Self> {
        let mut why = io::Error::from(io::ErrorKind::Unsupported);
        for folder in FOLDERS {
            match Self::make_in(Path::new(folder), number) {
                Ok(node) => return Ok(node),
                Err(error) => why = error,
            }
        }
        let folders = FOLDERS.join(", ");
        Err(Error::Io(
            format!("device {number} has no node in /dev, and none can be created in {folders}"),
            why,
        ))
    }

    fn make_in(place: &Path, number: DeviceNumber) -> io::Result<Self> {
        if statvfs(place)?.flags().contains(FsFlags::ST_NODEV) {
            return Err(io::Error::other("the file system is mounted with nodev"));
        }
        let folder = place.join(format!(".lvdiff-{:016x}", rand::random::<u64>()));
        DirBuilder::new().mode(0o700).create(&folder)?;
        let node = Self { path: folder.join("node"), folder: Some(folder) };
        let device = makedev(number.major.into(), number.minor.into());
        mknod(&node.path, SFlag::S_IFBLK, Mode::S_IRUSR | Mode::S_IWUSR, device)?;
        Ok(node)
    }
}

fn leads_to(path: &Path, number: DeviceNumber) -> bool {
    std::fs::metadata(path).is_ok_and(|found| {
        found.file_type().is_block_device() && DeviceNumber::from_rdev(found.rdev()) == number
    })
}

impl Deref for Node {
    type Target = Path;
    fn deref(&self) -> &Path {
        &self.path
    }
}

impl AsRef<Path> for Node {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let Some(folder) = &self.folder else { return };
        _ = std::fs::remove_file(&self.path);
        if let Err(error) = std::fs::remove_dir(folder) {
            log::warn!("{} could not be removed: {error}", folder.display());
        }
    }
}
