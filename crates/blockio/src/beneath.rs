//! [`Beneath`]: what a device or file lies on, and which loop devices have any of that open.

use std::fs::{self, File};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::ioctl;

/// What something is stored in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backing {
    /// A file: its file system's device, and its inode.
    File(u64, u64),
    /// A block device's number.
    Block(u64),
}

/// A loop device that has something open.
#[derive(Clone, Debug)]
pub(crate) struct LoopDevice {
    rdev: u64,
    node: PathBuf,
    /// What it has open, and where that was; none where nobody says.
    backing: Option<Backing>,
    path: PathBuf,
}

/// A device or file and all that is below it.
#[derive(Debug, Default)]
pub(crate) struct Beneath {
    all: Vec<Backing>,
    /// What is whole, and not a part of it: its partitions count too.
    whole: Vec<Backing>,
    /// Loop devices that are among it, and what these have open.
    loops: Vec<LoopDevice>,
    /// The numbers of those of them that are all that it is. What lies on the others can be shared: they
    /// are the disk of a partition or of a volume group.
    own: Vec<u64>,
}

/// How something below is a part of it.
#[derive(Clone, Copy)]
struct Part {
    is_whole: bool,
    /// Nothing else can lie on it.
    is_own: bool,
}

impl LoopDevice {
    /// All that have something open, in whatever namespace that was done.
    pub(crate) fn all() -> Vec<Self> {
        let Ok(entries) = fs::read_dir("/sys/block") else { return vec![] };
        entries.filter_map(|entry| Self::read(&entry.ok()?.path())).collect()
    }

    fn read(folder: &Path) -> Option<Self> {
        // The file is there while something is open.
        let path = fs::read_to_string(folder.join("loop/backing_file")).ok()?;
        let path = PathBuf::from(path.trim_end_matches('\n'));
        let rdev = number(&fs::read_to_string(folder.join("dev")).ok()?)?;
        let node = Path::new("/dev").join(folder.file_name()?);
        // The kernel knows the file whatever has become of its name; the name is for those who may not
        // open the device.
        let asked = File::open(&node).ok().filter(|_| is_node(&node, rdev));
        let backing = match asked.and_then(|file| ioctl::loop_backing(&file).ok()) {
            Some((.., rdev)) if rdev != 0 => Some(Backing::Block(rdev)),
            Some((device, inode, _)) => Some(Backing::File(device, inode)),
            None => path.metadata().ok().map(|found| match found.rdev() {
                0 => Backing::File(found.dev(), found.ino()),
                rdev => Backing::Block(rdev),
            }),
        };
        Some(Self { rdev, node, backing, path })
    }
}

impl Beneath {
    /// Goes down from `own`.
    pub(crate) fn of(own: Backing, loops: &[LoopDevice]) -> Self {
        let mut beneath = Self::default();
        beneath.add(own, Part { is_whole: true, is_own: true }, loops);
        beneath
    }

    fn add(&mut self, backing: Backing, part: Part, loops: &[LoopDevice]) {
        if self.all.contains(&backing) {
            return;
        }
        self.all.push(backing);
        if part.is_whole {
            self.whole.push(backing);
        }
        let Backing::Block(rdev) = backing else { return };
        if let Some(own) = loops.iter().find(|other| other.rdev == rdev) {
            self.loops.push(own.clone());
            if part.is_own {
                self.own.push(rdev);
            }
            if let Some(backing) = own.backing {
                self.add(backing, Part { is_whole: true, ..part }, loops);
            }
        }
        let (sysfs, part) = (sysfs(rdev), Part { is_whole: false, is_own: false });
        if sysfs.join("partition").exists()
            && let Some(disk) =
                fs::canonicalize(&sysfs).ok().and_then(|path| read_number(path.parent()?))
        {
            self.add(Backing::Block(disk), part, loops);
        }
        for slave in folders(&sysfs.join("slaves")) {
            if let Some(slave) = read_number(&slave) {
                self.add(Backing::Block(slave), part, loops);
            }
        }
    }

    /// A loop device beside those that this lies on, which has some of it open.
    pub(crate) fn other_user(&self, loops: &[LoopDevice]) -> Option<String> {
        let mut others = self.others(loops);
        others
            .find(|other| other.backing.is_some_and(|backing| self.has(backing)))
            .map(|other| other.node.display().to_string())
    }

    /// The loop devices beside those that this lies on, of which nobody knows what they have open.
    pub(crate) fn unknown(&self, loops: &[LoopDevice]) -> Vec<String> {
        let unknown = self.others(loops).filter(|other| other.backing.is_none());
        unknown
            .map(|other| format!("{} ({})", other.node.display(), other.path.display()))
            .collect()
    }

    fn others<'a>(&'a self, loops: &'a [LoopDevice]) -> impl Iterator<Item = &'a LoopDevice> {
        loops.iter().filter(|other| self.loops.iter().all(|own| own.rdev != other.rdev))
    }

    fn has(&self, backing: Backing) -> bool {
        if self.all.contains(&backing) {
            return true;
        }
        let Backing::Block(rdev) = backing else { return false };
        let part_of = |whole: &Backing| match whole {
            Backing::Block(disk) => partitions(*disk).contains(&rdev),
            Backing::File(..) => false,
        };
        self.whole.iter().any(part_of)
    }

    /// The files that loop devices among this have open, under their names, and whether nothing else
    /// lies in the file.
    pub(crate) fn files(&self) -> Vec<(PathBuf, bool)> {
        let named = |own: &&LoopDevice| {
            let found = own.path.metadata().ok();
            let found = found.map(|found| Backing::File(found.dev(), found.ino()));
            found.is_some() && found == own.backing
        };
        let found = self.loops.iter().filter(named);
        found.map(|own| (own.path.clone(), self.own.contains(&own.rdev))).collect()
    }

    /// The block devices that loop devices among this have open.
    pub(crate) fn devices(&self) -> Vec<PathBuf> {
        let node = |own: &LoopDevice| match own.backing? {
            Backing::Block(rdev) => node(rdev),
            Backing::File(..) => None,
        };
        self.loops.iter().filter_map(node).collect()
    }
}

fn sysfs(rdev: u64) -> PathBuf {
    let (major, minor) = (nix::sys::stat::major(rdev), nix::sys::stat::minor(rdev));
    format!("/sys/dev/block/{major}:{minor}").into()
}

fn node(rdev: u64) -> Option<PathBuf> {
    let uevent = fs::read_to_string(sysfs(rdev).join("uevent")).ok()?;
    let name = uevent.lines().find_map(|line| line.strip_prefix("DEVNAME="))?;
    Some(Path::new("/dev").join(name)).filter(|node| is_node(node, rdev))
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

fn partitions(disk: u64) -> Vec<u64> {
    let parts = folders(&sysfs(disk)).into_iter().filter(|part| part.join("partition").exists());
    parts.filter_map(|part| read_number(&part)).collect()
}

fn read_number(folder: &Path) -> Option<u64> {
    number(&fs::read_to_string(folder.join("dev")).ok()?)
}

fn number(text: &str) -> Option<u64> {
    let (major, minor) = text.trim_end().split_once(':')?;
    Some(nix::sys::stat::makedev(major.parse().ok()?, minor.parse().ok()?))
}

/// Whether a path leads to the block device of this number.
fn is_node(path: &Path, rdev: u64) -> bool {
    path.metadata().is_ok_and(|found| found.file_type().is_block_device() && found.rdev() == rdev)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loop_device(rdev: u64, backing: Option<Backing>) -> LoopDevice {
        LoopDevice { rdev, node: format!("/dev/loop{rdev}").into(), backing, path: "/img".into() }
    }

    #[test]
    fn what_a_loop_device_has_open_is_found_at_any_depth() {
        // Numbers that no device has: sysfs knows nothing of them.
        let (file, other) = (Backing::File(1, 2), Backing::File(1, 3));
        let loops = [
            loop_device(1 << 40, Some(file)),
            loop_device(2 << 40, Some(Backing::Block(1 << 40))),
            loop_device(3 << 40, Some(other)),
            loop_device(4 << 40, None),
        ];
        let user = |own, loops: &[LoopDevice]| Beneath::of(own, loops).other_user(loops);
        assert_eq!(user(file, &loops), Some(format!("/dev/loop{}", 1_u64 << 40)));
        assert_eq!(user(Backing::File(2, 2), &loops), None);
        // The upper one is written to: the lower one is its own.
        assert_eq!(user(Backing::Block(2 << 40), &loops), None);
        // The lower one: the upper one has it open.
        let upper = Some(format!("/dev/loop{}", 2_u64 << 40));
        assert_eq!(user(Backing::Block(1 << 40), &loops), upper);
        // Another one has the same file.
        let twice = [loops[1].clone(), loops[0].clone(), loop_device(5 << 40, Some(file))];
        assert_eq!(
            user(Backing::Block(2 << 40), &twice),
            Some(format!("/dev/loop{}", 5_u64 << 40))
        );
        // A file below a chain of loop devices is all of the upper one.
        assert_eq!(Beneath::of(Backing::Block(2 << 40), &loops).own, [2 << 40, 1 << 40]);
        let unknown = Beneath::of(file, &loops).unknown(&loops);
        assert_eq!(unknown, [format!("/dev/loop{} (/img)", 4_u64 << 40)]);
    }
}
