//! What needs no root works without it, and files are made so that nobody can turn that against who
//! runs it. No kernel, no LVM.
//!
//! Run by root, the programs run as nobody here; else as who runs the test.

use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use system_tests::damage::flaws;
use system_tests::forge::{Frame, Header, stream};
use system_tests::programs;

const SIZE: u64 = 1 << 20;
const NOBODY: u32 = 65534;

fn is_root() -> bool {
    Path::new("/proc/self").metadata().unwrap().uid() == 0
}

/// A folder that is nobody's if root runs the test, with the programs in one of root's.
struct Place {
    programs: tempfile::TempDir,
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place =
            Self { programs: tempfile::tempdir().unwrap(), folder: tempfile::tempdir().unwrap() };
        let readable = Permissions::from_mode(0o755);
        fs::set_permissions(place.programs.path(), readable.clone()).unwrap();
        fs::set_permissions(place.folder.path(), readable).unwrap();
        // The folder that cargo has put them in need not be open to nobody.
        for name in programs::PROGRAMS {
            fs::copy(programs::dir().unwrap().join(name), place.programs.path().join(name))
                .unwrap();
        }
        let sound = stream(&Header::of_size(SIZE), &[Frame::data(0, &[1; 512])]);
        let full = Header { base: None, ..Header::of_size(SIZE) };
        place.write("stream", &sound);
        place.write("full", &stream(&full, &[Frame::data(0, &[1; 512])]));
        place.write("image", &vec![0x5a; SIZE as usize]);
        let flaw = flaws().find(|flaw| flaw.name == "superblock-needs-check").unwrap();
        place.write("metadata", &flaw.sound().unwrap());
        File::create(place.path("data")).unwrap().set_len(3200 << 16).unwrap();
        place.give();
        place
    }

    /// Everything in the folder becomes nobody's.
    fn give(&self) {
        if is_root() {
            let folder = self.folder.path();
            let all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            for path in all.chain([folder.to_path_buf()]) {
                std::os::unix::fs::lchown(path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// A command as who runs the test.
    fn own(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.programs.path().join(program));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// A command without any privilege.
    fn plain(&self, program: &str, arguments: &[&str]) -> Command {
        if !is_root() {
            return self.own(program, arguments);
        }
        let mut command = Command::new("setpriv");
        let nobody = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")];
        command.args(nobody).args(["--clear-groups", "--no-new-privs", "--"]);
        command.arg(self.programs.path().join(program)).args(arguments);
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }
}

#[track_caller]
fn expect(output: &Output, code: i32) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(!stderr.contains("panicked") && !stderr.contains("backtrace"), "{stderr}");
    stderr
}

#[test]
fn what_needs_no_root_works_without_it() {
    let place = Place::new();
    for (program, arguments) in [
        ("lvdiff", &["--help"][..]),
        ("lvdiff", &["--version"]),
        ("lvpatch", &["--help"]),
        ("lvdiff", &["--metadata", "metadata", "--list", "2", "3"]),
        ("lvdiff", &["--metadata", "metadata", "--list", "--map", "thin-delta", "2", "3"]),
        ("lvdiff", &["--metadata", "metadata", "--list", "--map", "borg", "2", "3"]),
        ("lvdiff", &["--metadata", "metadata", "--data", "data", "2", "3"]),
        ("lvdiff", &["--metadata", "metadata", "--data", "data", "3", "-o", "written"]),
        ("lvdiff", &["--merge", "stream", "-o", "merged"]),
        (
            "lvdiff",
            &[
                "--metadata",
                "metadata",
                "--data",
                "data",
                "--format",
                "thin-send",
                "2",
                "3",
                "-o",
                "foreign",
            ],
        ),
        ("lvdiff", &["--convert", "-i", "foreign", "--size", "64M", "a", "b", "-o", "converted"]),
        ("lvpatch", &["--info", "stream"]),
        ("lvpatch", &["--info", "stream", "full"]),
        ("lvpatch", &["--verify", "-i", "written"]),
        ("lvpatch", &["--check", "--device", "image", "-i", "stream"]),
        ("lvpatch", &["--device", "image", "--backup", "undo", "-i", "stream"]),
        ("lvpatch", &["--device", "image", "-i", "undo"]),
        ("lvpatch", &["--device", "new", "-i", "full"]),
    ] {
        let output = place.plain(program, arguments).output().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    }
    for made in ["written", "merged", "foreign", "converted", "undo", "new"] {
        let mode = place.path(made).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{made}: only its owner may read what a volume holds");
    }
}

#[test]
fn where_root_is_missing_it_is_said_what_for() {
    let place = Place::new();
    for (program, arguments) in [
        ("lvdiff", &["vg0/sp0", "vg0/vol0"][..]),
        ("lvdiff", &["--list"]),
        ("lvdiff", &["--summary"]),
        ("lvpatch", &["-i", "stream"]),
        ("lvpatch", &["-i", "stream", "--in-place", "-l", "vg0/vol0"]),
        ("lvpatch", &["-i", "stream", "--check"]),
        ("lvpatch", &["-i", "full", "-p", "pool0"]),
    ] {
        let stderr = expect(&place.plain(program, arguments).output().unwrap(), 1);
        // Where LVM is not installed, that is what is missing first.
        let says = stderr.contains("root") || stderr.contains("lvs");
        assert!(says && !stderr.contains("os error"), "{program} {arguments:?}: {stderr}");
    }
}

#[test]
fn a_file_that_may_not_be_read_or_written_is_named() {
    let place = Place::new();
    for name in ["stream", "image", "metadata"] {
        fs::set_permissions(place.path(name), Permissions::from_mode(0o000)).unwrap();
    }
    let before = fs::read_dir(place.folder.path()).unwrap().count();
    for (name, program, arguments) in [
        ("stream", "lvpatch", &["--verify", "-i", "stream"][..]),
        ("stream", "lvpatch", &["--info", "stream"]),
        ("stream", "lvdiff", &["--merge", "stream", "-o", "merged"]),
        ("metadata", "lvdiff", &["--metadata", "metadata", "--list", "2", "3"]),
        ("image", "lvpatch", &["--device", "image", "-i", "full"]),
    ] {
        let output = place.plain(program, arguments).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(1 | 2)), "{stderr}");
        assert!(stderr.contains(name), "{stderr}");
    }
    assert_eq!(fs::read_dir(place.folder.path()).unwrap().count(), before);
    // One that may be read only: nothing is kept of what will not be overwritten.
    for name in ["stream", "image"] {
        fs::set_permissions(place.path(name), Permissions::from_mode(0o444)).unwrap();
    }
    for option in ["--check", "--backup=undo"] {
        let arguments = ["--device", "image", option, "-i", "stream"];
        let stderr = expect(&place.plain("lvpatch", &arguments).output().unwrap(), 1);
        assert!(stderr.contains("image is written in place, but is not writable"), "{stderr}");
    }
    assert_eq!(fs::read_dir(place.folder.path()).unwrap().count(), before);
}

#[test]
fn an_output_that_is_a_link_stays_one_and_what_it_leads_to_is_replaced() {
    let place = Place::new();
    place.write("before", b"before");
    symlink("before", place.path("link")).unwrap();
    expect(&place.own("lvdiff", &["--merge", "stream", "-o", "link"]).output().unwrap(), 0);
    assert!(place.path("link").is_symlink() && !place.path("before").is_symlink());
    expect(&place.own("lvpatch", &["--verify", "-i", "before"]).output().unwrap(), 0);
}

#[test]
fn an_output_that_is_a_link_to_nowhere_is_refused() {
    let place = Place::new();
    symlink("nowhere", place.path("link")).unwrap();
    let names = place.names();
    let output = place.own("lvdiff", &["--merge", "stream", "-o", "link"]).output().unwrap();
    assert!(expect(&output, 1).contains("link"));
    assert_eq!(place.names(), names);
}

#[test]
fn links_that_lead_in_a_circle_are_refused() {
    let place = Place::new();
    symlink("other", place.path("link")).unwrap();
    symlink("link", place.path("other")).unwrap();
    let output = place.own("lvdiff", &["--merge", "stream", "-o", "link"]).output().unwrap();
    assert!(expect(&output, 2).contains("links"));
}

#[test]
fn a_link_that_somebody_planted_is_not_followed() {
    if !is_root() {
        eprintln!("skipped: only root can make another user's file");
        return;
    }
    let place = Place::new();
    // As /tmp: anybody may make files there, and the link is nobody's, but the run is root's.
    let shared = place.path("shared");
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, Permissions::from_mode(0o1777)).unwrap();
    place.write("precious", b"precious");
    symlink("../precious", shared.join("link")).unwrap();
    std::os::unix::fs::lchown(shared.join("link"), Some(NOBODY), Some(NOBODY)).unwrap();
    let output = place.own("lvdiff", &["--merge", "stream", "-o", "shared/link"]).output().unwrap();
    assert!(expect(&output, 2).contains("another user"));
    assert_eq!(fs::read(place.path("precious")).unwrap(), b"precious");
    assert!(shared.join("link").is_symlink());
    assert_eq!(fs::read_dir(&shared).unwrap().count(), 1);
    // Nor is it at the end of one's own.
    symlink("shared/link", place.path("own")).unwrap();
    let output = place.own("lvdiff", &["--merge", "stream", "-o", "own"]).output().unwrap();
    assert!(expect(&output, 2).contains("another user"));
    assert_eq!(fs::read(place.path("precious")).unwrap(), b"precious");
    // One's own is followed there too.
    std::os::unix::fs::lchown(shared.join("link"), Some(0), Some(0)).unwrap();
    expect(&place.own("lvdiff", &["--merge", "stream", "-o", "shared/link"]).output().unwrap(), 0);
}

#[test]
fn a_backup_and_a_new_image_go_onto_nothing_that_is_there() {
    let place = Place::new();
    place.write("there", b"precious");
    symlink("there", place.path("link")).unwrap();
    symlink("nowhere", place.path("dangling")).unwrap();
    let (names, image) = (place.names(), fs::read(place.path("image")).unwrap());
    for name in ["there", "link", "dangling"] {
        let backup = ["--device", "image", "--backup", name, "-i", "stream"];
        assert!(expect(&place.own("lvpatch", &backup).output().unwrap(), 1).contains(name));
        let new = ["--device", name, "-i", "full"];
        assert!(expect(&place.own("lvpatch", &new).output().unwrap(), 2).contains(name));
    }
    assert_eq!(place.names(), names);
    assert_eq!(fs::read(place.path("there")).unwrap(), b"precious");
    assert!(fs::read(place.path("image")).unwrap() == image);
}

/// Feeds a command the beginning of what it wants, and kills it once it has the file in hand. Yields
/// false where the file system gives every file a name.
fn killed_with_a_file_in_hand(place: &Place, mut child: Child) -> bool {
    let folder = place.folder.path().canonicalize().unwrap();
    let begun = Instant::now();
    let fds = PathBuf::from(format!("/proc/{}/fd", child.id()));
    let mut in_hand = None;
    while in_hand.is_none() && begun.elapsed() < Duration::from_secs(20) {
        let open = fs::read_dir(&fds).into_iter().flatten().flatten();
        in_hand = open.filter_map(|fd| fs::read_link(fd.path()).ok()).find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            path.starts_with(&folder) && (name.starts_with('#') || name.starts_with(".lv"))
        });
        std::thread::sleep(Duration::from_millis(5));
    }
    let path = in_hand.expect("a file that has not its name yet");
    child.kill().unwrap();
    child.wait().unwrap();
    !path.file_name().unwrap().to_string_lossy().starts_with(".lv")
}

#[test]
fn nothing_is_left_of_an_output_whose_writer_is_killed() {
    let place = Place::new();
    let names = place.names();
    // It writes 10 kB in a second, of 64 KiB and more.
    let slow = ["--metadata", "metadata", "--data", "data", "3", "-o", "out", "--bwlimit", "10K"];
    let child = place.own("lvdiff", &slow).stderr(Stdio::null()).spawn().unwrap();
    if killed_with_a_file_in_hand(&place, child) {
        assert_eq!(place.names(), names);
    }
}

#[test]
fn nothing_is_left_of_a_new_image_whose_writer_is_killed() {
    let place = Place::new();
    let names = place.names();
    let mut full = Vec::new();
    File::open(place.path("full")).unwrap().read_to_end(&mut full).unwrap();
    let mut command = place.own("lvpatch", &["--device", "new"]);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    // The pipe stays open, and the stream's end does not come.
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(&full[..full.len() - 10]).unwrap();
    if killed_with_a_file_in_hand(&place, child) {
        assert_eq!(place.names(), names);
    }
    drop(pipe);
}
