//! lvdiff on damaged metadata: every flaw of the table is told, or does not matter.

use std::fs::{self, File};
use std::mem::discriminant;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use diff::{Detail, Options, Stream, StreamFormat};
use flow::{Interrupt, Quiet, Session};
use source::{FilesSource, Wants, list_devices};
use system_tests::damage::{Answer, Check, Flaw, flaws};
use system_tests::scratch;
use thinmeta::{DeviceInfo, ExtentKind, ThinId};

use crate::library::{Ended, limited, run};
use crate::watched::{self, Watched};

/// A folder with an image, and with data for it.
struct Place(tempfile::TempDir);

impl Place {
    fn new(metadata: &[u8]) -> Self {
        let place = Self(scratch().unwrap());
        fs::write(place.path("metadata"), metadata).unwrap();
        // More than either image maps, and no less than its pool has: the kernel's has 4096 chunks.
        File::create(place.path("data")).unwrap().set_len(4096 << 16).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn files(&self, volumes: &[&str], data: Option<PathBuf>) -> FilesSource {
        let (target, base) = volumes.split_last().unwrap();
        let id = |name: &&str| name.parse::<ThinId>().unwrap();
        FilesSource {
            metadata: self.path("metadata"),
            data,
            base: base.first().map(id),
            target: id(target),
            size: None,
            base_size: None,
            direct: false,
        }
    }

    /// `lvdiff --list`: how it ends, and the lines that it has until then.
    fn list(&self, volumes: &[&str]) -> (Ended, String) {
        let mut lines = String::new();
        let ended = within(&mut || {
            let interrupt = Interrupt::default();
            let session = Session::new(&interrupt, &Quiet);
            let pair = self.files(volumes, None).open(&Wants::default(), &session)?;
            for extent in pair.changes.extents.iter() {
                let extent = extent?;
                let kind = match extent.kind() {
                    ExtentKind::Changed => "changed",
                    ExtentKind::Unmapped => "unmapped",
                };
                let range = extent.range();
                lines += &format!("{} {} {kind}\n", range.offset, range.length);
            }
            pair.release()
        });
        (ended, lines)
    }

    /// `lvdiff --list`, and no volume: how it ends, and the devices.
    fn devices(&self) -> (Ended, Vec<(DeviceInfo, u64)>) {
        let mut devices = Vec::new();
        let ended = within(&mut || {
            let listed = list_devices(&self.path("metadata"), false, &Interrupt::default())?;
            devices.extend(listed.into_iter().map(|one| (one.info, one.mapped_bytes)));
            Ok(())
        });
        (ended, devices)
    }

    /// `lvdiff > stream`: how it ends. What has been written of a stream that is refused is none.
    fn stream(&self, volumes: &[&str]) -> Ended {
        let path = self.path("stream");
        let ended = within(&mut || {
            let interrupt = Interrupt::default();
            let session = Session::new(&interrupt, &Quiet);
            let options = Options {
                format: StreamFormat::Hyperlayer2,
                detail: Detail::default(),
                detect_level: if volumes.len() > 1 { 2 } else { 0 },
                roots: None,
                rest_from: None,
                pairs: vec![],
                tool: "test".into(),
            };
            let file = File::create(&path)?;
            let files = self.files(volumes, Some(self.path("data")));
            let mut pair = files.open(&options.wants(), &session)?;
            Stream::prove(&mut pair, &options, &session)?.write(file, &session)?;
            pair.release()
        });
        let is_sound = run(self.0.path(), "lvpatch", &["--verify"]).code;
        assert_eq!(is_sound, if ended.code == 0 { 0 } else { 4 }, "{}", ended.stderr);
        ended
    }

    /// The program itself.
    fn start(&self, words: &[&str]) -> watched::Ended {
        Watched::new("lvdiff")
            .folder(self.0.path())
            .args(["--metadata", "metadata"])
            .args(words)
            .end()
    }
}

fn within(work: &mut dyn FnMut() -> anyhow::Result<()>) -> Ended {
    limited("damaged metadata", || Ended::of(work))
}

/// From nothing, and from a base: all that is mapped is read, or what differs.
const VOLUMES: [&[&str]; 2] = [&["3"], &["2", "3"]];

fn refused(flaw: &Flaw, ended: &Ended, says: &str) {
    assert_eq!(ended.code, 5, "{}: {}", flaw.name, ended.stderr);
    assert!(ended.stderr.contains(says), "{}: {}\nexpected: {says}", flaw.name, ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "{}: {}", flaw.name, ended.stderr);
}

#[test]
fn each_flaw_is_told_or_does_not_matter() {
    for flaw in flaws() {
        let damaged = flaw.image().unwrap();
        let (place, sound) = (Place::new(&damaged.bytes), Place::new(&flaw.sound().unwrap()));
        for volumes in VOLUMES {
            let ((list, lines), stream) = (place.list(volumes), place.stream(volumes));
            match flaw.answer {
                Answer::Refused(says) | Answer::NotSupported(says) => {
                    let says = format!("metadata block {} {says}", damaged.block);
                    refused(flaw, &list, &says);
                    assert!(lines.is_empty(), "{}", flaw.name);
                    refused(flaw, &stream, &says);
                }
                Answer::WithData(says) => {
                    list.expect(0);
                    assert_eq!(lines, sound.list(volumes).1, "{}", flaw.name);
                    refused(flaw, &stream, says);
                }
                Answer::NotFound => {
                    list.expect(2);
                    stream.expect(2);
                    let written = place.path("stream").metadata().unwrap().len();
                    assert!(lines.is_empty() && written == 0, "{}", flaw.name);
                }
                Answer::NotRead(_) => {
                    list.expect(0);
                    stream.expect(0);
                    assert_eq!(lines, sound.list(volumes).1, "{}", flaw.name);
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
        let ((list, devices), (ended, expected)) = (place.devices(), sound.devices());
        ended.expect(0);
        match (of_devices(flaw), flaw.answer) {
            (OfDevices::RefusedLikewise, Answer::Refused(says) | Answer::NotSupported(says)) => {
                refused(flaw, &list, says);
            }
            (OfDevices::Refused(says), _) => {
                refused(flaw, &list, &format!("metadata block {} {says}", damaged.block));
            }
            (OfDevices::WithoutTheLast, _) => {
                list.expect(0);
                let (_, others) = expected.split_last().unwrap();
                assert_eq!(devices, others);
            }
            _ => {
                list.expect(0);
                assert_eq!(devices, expected, "{}", flaw.name);
            }
        }
    }
}

#[test]
fn the_program_says_the_same_of_one_flaw_of_each_kind() {
    let mut kinds = Vec::new();
    for flaw in flaws() {
        if kinds.contains(&discriminant(&flaw.answer)) {
            continue;
        }
        kinds.push(discriminant(&flaw.answer));
        let place = Place::new(&flaw.image().unwrap().bytes);
        let same = |started: &watched::Ended, ended: &Ended| {
            let stderr = &started.stderr;
            assert_eq!(started.code, ended.code, "{}: {stderr}", flaw.name);
            let folder = format!("{}/", place.0.path().display());
            for line in ended.stderr.replace(&folder, "").lines() {
                assert!(stderr.contains(&format!("lvdiff: {line}")), "{}: {stderr}", flaw.name);
            }
        };
        for volumes in VOLUMES {
            let (list, lines) = place.list(volumes);
            let started = place.start(&[&["--list"], volumes].concat());
            same(&started, &list);
            // The program adds headings, and aligns the columns.
            let table = String::from_utf8(started.stdout).unwrap();
            let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
            let rows: Vec<_> = table.lines().skip(1).map(words).collect();
            assert_eq!(rows, lines.lines().collect::<Vec<_>>(), "{}", flaw.name);
            let stream = place.stream(volumes);
            let started = place.start(&[&["--data", "data"], volumes].concat());
            same(&started, &stream);
            fs::write(place.path("stream"), started.stdout).unwrap();
            let is_sound = run(place.0.path(), "lvpatch", &["--verify"]).code;
            assert_eq!(is_sound, if stream.code == 0 { 0 } else { 4 }, "{}", flaw.name);
        }
        let (devices, listed) = place.devices();
        let started = place.start(&["--list"]);
        same(&started, &devices);
        let lines = String::from_utf8(started.stdout).unwrap().lines().count();
        assert_eq!(lines.saturating_sub(1), listed.len(), "{}", flaw.name);
    }
    assert_eq!(kinds.len(), 5);
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
    // All are made from the same two.
    let mut known: Vec<Vec<u8>> = Vec::new();
    for flaw in flaws() {
        let sound = flaw.sound().unwrap();
        if !known.contains(&sound) {
            assert!(accepts(&sound), "{}", flaw.name);
            known.push(sound);
        }
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
