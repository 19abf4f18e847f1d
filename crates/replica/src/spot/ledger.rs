//! [`Ledger`]: where it is written what a device or an image is a copy of.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use flow::Aside;
use lvm::LogicalVolume;
use rustix::fs::{XattrFlags, fgetxattr, fremovexattr, fsetxattr};
use rustix::io::Errno;

use crate::spot::record::Record;
use crate::tag;

/// The extended attribute of an image.
const ATTRIBUTE: &str = "user.lvsync";

/// Where it is written what a device or an image is a copy of.
pub(super) enum Ledger {
    /// In a logical volume's tags.
    Tags {
        /// Its group's name.
        group: String,
        /// Its UUID.
        uuid: String,
    },
    /// In an image's extended attribute; where there are none, in this file beside it.
    Image {
        /// The file beside it.
        beside: PathBuf,
    },
    /// In a file alone.
    File(PathBuf),
}

impl Ledger {
    /// What was written last; none if nothing was, or it means another file. `path` is the device or image.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn read(&self, path: &Path) -> anyhow::Result<Option<Record>> {
        match self {
            Self::Tags { group, uuid } => {
                let volume = find(group, uuid)?;
                let Some((of, at)) = tag::placed(&volume) else { return Ok(None) };
                let source = patch::source_of(&volume).map(String::from);
                Ok(Some(Record { of: of.into(), source, at: at.as_second() }))
            }
            Self::Image { beside } => {
                let read = || -> io::Result<Option<Record>> {
                    let image = match File::open(path) {
                        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                        opened => opened?,
                    };
                    match attribute(&image)? {
                        Some(text) => Ok(Record::parse(&text)),
                        None => of_inode(&text_of(beside)?, image.metadata()?.ino()),
                    }
                };
                read().with_context(|| format!("what {} is a copy of", path.display()))
            }
            Self::File(file) => {
                let text = text_of(file).with_context(|| file.display().to_string())?;
                Ok(Record::parse(&text))
            }
        }
    }

    /// Writes a record, as a whole or not at all, and waits until it is on stable storage; none says that nothing is
    /// known. `path` is the device or image.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn write(&self, path: &Path, record: Option<&Record>) -> anyhow::Result<()> {
        let name = || format!("what {} is a copy of", path.display());
        match self {
            Self::Tags { group, uuid } => write_tags(find(group, uuid)?, record),
            Self::Image { beside } => write_image(path, beside, record).with_context(name),
            Self::File(file) => replace(file, record.map(ToString::to_string)).with_context(name),
        }
    }
}

/// The volume as it is now: a stream changes its tags.
fn find(group: &str, uuid: &str) -> anyhow::Result<LogicalVolume> {
    let found = LogicalVolume::list_in(group)?.into_iter().find(|volume| volume.uuid == uuid);
    found.with_context(|| format!("the volume with UUID {uuid} is not in {group} any more"))
}

fn write_tags(mut volume: LogicalVolume, record: Option<&Record>) -> anyhow::Result<()> {
    let source = record.and_then(|record| record.source.as_deref());
    let tags = match patch::source_of(&volume) == source {
        // They also say which stream it was.
        true => volume.tags.clone(),
        false => patch::tags_as_copy_of(&volume, source),
    };
    let mut tags: Vec<_> = tags.into_iter().filter(|text| !tag::is_of_place(text)).collect();
    if let Some(record) = record {
        tags.extend(tag::of_place(&record.of, record.at));
    }
    volume.change_tags(&tags)?;
    Ok(lvm::sync_group(&volume)?)
}

fn write_image(path: &Path, beside: &Path, record: Option<&Record>) -> io::Result<()> {
    let image = File::open(path)?;
    let Some(record) = record else {
        match fremovexattr(&image, ATTRIBUTE) {
            Ok(()) | Err(Errno::NODATA | Errno::NOTSUP) => {}
            Err(error) => return Err(error.into()),
        }
        image.sync_all()?;
        return replace(beside, None);
    };
    match fsetxattr(&image, ATTRIBUTE, record.to_string().as_bytes(), XattrFlags::empty()) {
        Ok(()) => {
            image.sync_all()?;
            replace(beside, None)
        }
        Err(Errno::NOTSUP) => {
            let inode = image.metadata()?.ino();
            replace(beside, Some(format!("inode={inode} {record}")))
        }
        Err(error) => Err(error.into()),
    }
}

/// The attribute's text; none if there is none.
fn attribute(image: &File) -> io::Result<Option<String>> {
    let mut bytes = [0; Record::LONGEST];
    match fgetxattr(image, ATTRIBUTE, &mut bytes[..]) {
        Ok(length) => Ok(Some(String::from_utf8_lossy(&bytes[..length]).into_owned())),
        Err(Errno::NODATA | Errno::NOTSUP) => Ok(None),
        // It is longer than any of ours.
        Err(Errno::RANGE) => Ok(Some(String::new())),
        Err(error) => Err(error.into()),
    }
}

/// The record of the image with this inode: another file can have got the name since.
fn of_inode(text: &str, inode: u64) -> io::Result<Option<Record>> {
    let of_it = text.strip_prefix(&format!("inode={inode} "));
    Ok(of_it.and_then(Record::parse))
}

/// A small file's text; empty if there is no file.
fn text_of(path: &Path) -> io::Result<String> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    file.take(Record::LONGEST as u64).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Writes a small file as a whole, or removes it.
fn replace(path: &Path, text: Option<String>) -> io::Result<()> {
    let Some(text) = text else {
        return match std::fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.and_then(|()| blockio::sync_folder(path)),
        };
    };
    let aside = Aside::new(path, ".lvsync-")?;
    aside.file().write_all(format!("{text}\n").as_bytes())?;
    aside.replace()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(at: i64) -> Record {
        let of = "cKI9Ru-wSyt-h0Dw-2yXy-KcTr-0nYh-zFHvAJ".to_owned();
        Record { source: Some(of.clone()), of, at }
    }

    #[test]
    fn an_image_says_what_it_is_a_copy_of() {
        let folder = tempfile::tempdir().unwrap();
        let (path, beside) = (folder.path().join("disk"), folder.path().join(".disk.lvsync"));
        let ledger = Ledger::Image { beside: beside.clone() };
        assert_eq!(ledger.read(&path).unwrap(), None);
        std::fs::write(&path, "content").unwrap();
        for at in [1, 2] {
            ledger.write(&path, Some(&record(at))).unwrap();
            assert_eq!(ledger.read(&path).unwrap(), Some(record(at)));
        }
        assert_eq!(std::fs::read(&path).unwrap(), b"content");
        ledger.write(&path, None).unwrap();
        assert_eq!(ledger.read(&path).unwrap(), None);
        assert!(!beside.exists());
    }

    #[test]
    fn a_file_beside_an_image_is_for_that_inode() {
        let text = format!("inode=17 {}\n", record(1));
        assert_eq!(of_inode(&text, 17).unwrap(), Some(record(1)));
        for inode in [1, 7, 170] {
            assert_eq!(of_inode(&text, inode).unwrap(), None);
        }
        assert_eq!(of_inode(&record(1).to_string(), 17).unwrap(), None);
    }

    #[test]
    fn a_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::File(folder.path().join("record"));
        let device = Path::new("/dev/x");
        assert_eq!(ledger.read(device).unwrap(), None);
        ledger.write(device, Some(&record(3))).unwrap();
        assert_eq!(ledger.read(device).unwrap(), Some(record(3)));
        ledger.write(device, None).unwrap();
        ledger.write(device, None).unwrap();
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}
