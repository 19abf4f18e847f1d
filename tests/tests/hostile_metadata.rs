//! lvdiff on damaged metadata: every flaw of the table is told, or does not matter. No kernel, no LVM,
//! no root.

mod watched;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use system_tests::damage::{Answer, Check, Flaw, flaws};
use watched::{Ended, Watched};

/// A folder with an image, and with data for it.
struct Place(tempfile::TempDir);

impl Place {
    fn new(metadata: &[u8]) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.path("metadata"), metadata).unwrap();
        // More than either image maps, and no less than its pool has: the kernel's has 4096 chunks.
        File::create(place.path("data")).unwrap().set_len(4096 << 16).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn lvdiff(&self, arguments: &[&str]) -> Ended {
        Watched::new("lvdiff")
            .args(["--metadata".as_ref(), self.path("metadata").as_os_str()])
            .args(arguments)
            .end()
    }

    fn list(&self, arguments: &[&str]) -> Ended {
        self.lvdiff(&[&["--list"], arguments].concat())
    }

    fn stream(&self, arguments: &[&str]) -> Ended {
        let data = self.path("data");
        self.lvdiff(&[&["--data", data.to_str().unwrap()], arguments].concat())
    }
}

/// From nothing, and from a base: all that is mapped is read, or what differs.
const VOLUMES: [&[&str]; 2] = [&["3"], &["2", "3"]];

fn refused(flaw: &Flaw, ended: &Ended, says: &str) {
    assert_eq!(ended.code, 5, "{}: {}", flaw.name, ended.stderr);
    assert!(ended.stderr.contains(says), "{}: {}\nexpected: {says}", flaw.name, ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "{}: {}", flaw.name, ended.stderr);
}

/// What has been written of a stream is none.
fn is_no_stream(flaw: &Flaw, stdout: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stream");
    fs::write(&path, stdout).unwrap();
    let ended = Watched::new("lvpatch").args(["--verify"]).stdin(&path).end();
    assert_eq!(ended.code, 4, "{}: {}", flaw.name, ended.stderr);
}

#[test]
fn each_flaw_is_told_or_does_not_matter() {
    for flaw in flaws() {
        let damaged = flaw.image().unwrap();
        let (place, sound) = (Place::new(&damaged.bytes), Place::new(&flaw.sound().unwrap()));
        for volumes in VOLUMES {
            let (list, stream) = (place.list(volumes), place.stream(volumes));
            match flaw.answer {
                Answer::Refused(says) | Answer::NotSupported(says) => {
                    let says = format!("metadata block {} {says}", damaged.block);
                    refused(flaw, &list, &says);
                    assert!(list.stdout.is_empty(), "{}", flaw.name);
                    refused(flaw, &stream, &says);
                    is_no_stream(flaw, &stream.stdout);
                }
                Answer::WithData(says) => {
                    list.expect(0);
                    assert_eq!(list.stdout, sound.list(volumes).stdout, "{}", flaw.name);
                    refused(flaw, &stream, says);
                    is_no_stream(flaw, &stream.stdout);
                }
                Answer::NotFound => {
                    list.expect(2);
                    stream.expect(2);
                    assert!(list.stdout.is_empty() && stream.stdout.is_empty(), "{}", flaw.name);
                }
                Answer::NotRead(_) => {
                    list.expect(0);
                    stream.expect(0);
                    assert_eq!(list.stdout, sound.list(volumes).stdout, "{}", flaw.name);
                }
            }
        }
    }
}

/// What a list of the devices does with a flaw.
enum OfDevices {
    /// It is refused as one of two volumes is.
    RefusedLikewise,
    /// It is refused: the flaw is in the details, and this is what it says.
    Refused(&'static str),
    /// There is one device less.
    WithoutTheLast,
    /// It does not read what is damaged.
    NotRead,
}

fn of_devices(flaw: &Flaw) -> OfDevices {
    let is_refused = matches!(flaw.answer, Answer::Refused(_) | Answer::NotSupported(_));
    match flaw.name {
        "device-counts-more-than-is-mapped" => OfDevices::Refused(
            "is damaged: in the tree below it, device 3 maps 18446744073709551615",
        ),
        "superblock-details-root-past-the-end" => {
            OfDevices::Refused("is damaged: it is past the end (block 1024)")
        }
        "device-with-mappings-and-no-details" => OfDevices::WithoutTheLast,
        name if name.starts_with("superblock-mapping-root-") => OfDevices::NotRead,
        name if is_refused && (name.starts_with("superblock-") || name.starts_with("image-")) => {
            OfDevices::RefusedLikewise
        }
        _ => OfDevices::NotRead,
    }
}

#[test]
fn a_list_of_the_devices_minds_flaws_of_the_superblock_and_of_details_alone() {
    for flaw in flaws() {
        let damaged = flaw.image().unwrap();
        let (place, sound) = (Place::new(&damaged.bytes), Place::new(&flaw.sound().unwrap()));
        let (list, expected) = (place.list(&[]), sound.list(&[]));
        expected.expect(0);
        let expected = String::from_utf8(expected.stdout).unwrap();
        match (of_devices(flaw), flaw.answer) {
            (OfDevices::RefusedLikewise, Answer::Refused(says) | Answer::NotSupported(says)) => {
                refused(flaw, &list, says);
                assert!(list.stdout.is_empty(), "{}", flaw.name);
            }
            (OfDevices::Refused(says), _) => {
                refused(flaw, &list, &format!("metadata block {} {says}", damaged.block));
                assert!(list.stdout.is_empty(), "{}", flaw.name);
            }
            (OfDevices::WithoutTheLast, _) => {
                list.expect(0);
                let lines: Vec<_> = expected.lines().collect();
                let (_, others) = lines.split_last().unwrap();
                assert!(String::from_utf8(list.stdout).unwrap().lines().eq(others.iter().copied()));
            }
            _ => {
                list.expect(0);
                assert_eq!(String::from_utf8(list.stdout).unwrap(), expected, "{}", flaw.name);
            }
        }
    }
}

#[test]
fn thin_check_refuses_what_the_table_says() {
    let tool = ["/usr/sbin/thin_check", "/sbin/thin_check", "/usr/bin/thin_check"];
    let Some(tool) = tool.iter().find(|tool| Path::new(tool).exists()) else {
        eprintln!("skipped: thin_check is not installed");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    let accepts = |bytes: &[u8]| {
        fs::write(&image, bytes).unwrap();
        let mut command = Command::new("timeout");
        command.arg("20").arg(tool).arg("-q").arg(&image).stderr(Stdio::null());
        command.status().unwrap().success()
    };
    let (mut passed, mut accepted) = (Vec::new(), Vec::new());
    for flaw in flaws() {
        assert!(accepts(&flaw.sound().unwrap()), "{}", flaw.name);
        if accepts(&flaw.image().unwrap().bytes) {
            match flaw.check {
                Check::Refuses => passed.push(flaw.name),
                Check::Accepts(why) => accepted.push(format!("{}: {why}", flaw.name)),
            }
        }
    }
    assert!(passed.is_empty(), "thin_check finds nothing wrong with {passed:?}");
    eprintln!("thin_check accepts {}:\n{}", accepted.len(), accepted.join("\n"));
}
