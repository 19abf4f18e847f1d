//! Where the programs write to, and what stops them: limits, links, pipes, files that fail late. No
//! kernel, no LVM, no root.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use system_tests::damage::flaws;
use system_tests::forge::{Frame, Header, stream};
use system_tests::programs;
use thinmeta::testing::{Pool, Shape};

const SIZE: u64 = 1 << 20;

/// A folder with streams, a volume's image, and a pool's metadata.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        let frame = Frame::data(0, &[1; 65536]);
        let full = Header { base: None, ..Header::of_size(SIZE) };
        fs::write(place.path("stream"), stream(&Header::of_size(SIZE), &[frame])).unwrap();
        fs::write(place.path("full"), stream(&full, &[Frame::data(0, &[1; 512])])).unwrap();
        fs::write(place.path("image"), vec![0x5a; SIZE as usize]).unwrap();
        let flaw = flaws().find(|flaw| flaw.name == "superblock-needs-check").unwrap();
        fs::write(place.path("metadata"), flaw.sound().unwrap()).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What is in the folder, with its content.
    fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    }

    /// Runs a line of bash, with the programs on its path.
    fn bash(&self, line: &str) -> Output {
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", programs::dir().unwrap().display());
        let mut command = Command::new("bash");
        command.args(["-c", line]).env("PATH", path).current_dir(self.folder.path());
        command.stdin(Stdio::null()).output().unwrap()
    }
}

#[track_caller]
fn expect(output: &Output, code: i32) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert!(!stderr.contains("panicked") && !stderr.contains("backtrace"), "{stderr}");
    stderr
}

#[test]
fn a_limit_of_file_sizes_is_an_error_and_not_the_end() {
    let place = Place::new();
    let before = place.files();
    for run in [
        "lvdiff --merge stream -o out",
        "lvpatch --device image --backup undo -i stream",
        "lvpatch --device new -i full",
    ] {
        let stderr = expect(&place.bash(&format!("ulimit -f 1; {run}")), 7);
        assert!(stderr.contains("ulimit -f"), "{stderr}");
        assert!(place.files() == before, "{run}");
    }
    let stderr = expect(&place.bash("ulimit -f 1; lvdiff --merge stream > out"), 7);
    assert!(stderr.contains("standard output") && stderr.contains("ulimit -f"), "{stderr}");
}

#[test]
fn links_to_what_is_open_and_has_no_path_are_written_to() {
    let place = Place::new();
    let expected = place.bash("lvdiff -q --merge stream");
    expect(&expected, 0);
    assert!(!expected.stdout.is_empty());
    for run in [
        "lvdiff -q --merge stream -o /dev/stdout | cat",
        "lvdiff -q --merge stream -o /proc/self/fd/1 | cat",
        "ln -s /dev/stdout link && lvdiff -q --merge stream -o link | cat",
        "lvdiff -q --merge stream -o >(cat); wait $!",
    ] {
        let output = place.bash(&format!("set -o pipefail; {run}"));
        assert_eq!(expect(&output, 0), "", "{run}");
        assert!(output.stdout == expected.stdout, "{run}");
    }
    assert!(place.path("link").is_symlink());
    // What has a path is replaced, as by its name.
    expect(&place.bash("lvdiff -q --merge stream -o /dev/stdout > file"), 0);
    assert!(fs::read(place.path("file")).unwrap() == expected.stdout);
}

#[test]
fn what_is_printed_to_a_file_is_synced() {
    let place = Place::new();
    for run in [
        "lvdiff --metadata metadata --list 2 3",
        "lvdiff --metadata metadata --list --json 2 3",
        "lvdiff --metadata metadata --list --map borg 2 3",
        "lvdiff --metadata metadata --summary 2 3",
        "lvpatch --info < stream",
        "lvpatch --info stream full",
        "lvpatch --verify < stream",
        "lvpatch --check --device image < stream",
    ] {
        expect(&place.bash(run), 0);
        // A regular file that takes everything, and cannot be synced.
        let stderr = expect(&place.bash(&format!("{run} > /proc/self/comm")), 1);
        assert!(stderr.contains("standard output: "), "{run}: {stderr}");
    }
}

/// Rust's runtime opens /dev/null in place of what is closed, before `main`.
#[test]
fn a_closed_standard_output_is_an_error_and_not_dev_null() {
    let place = Place::new();
    let before = place.files();
    for run in [
        "lvdiff --merge stream",
        "lvdiff --merge stream -o -",
        "lvdiff --metadata metadata --list 2 3",
        "lvdiff --metadata metadata --list --json 2 3",
        "lvdiff --metadata metadata --summary 2 3",
        "lvpatch --info < stream",
        "lvpatch --info stream full",
        "lvpatch --info --json < stream",
    ] {
        for others in ["", " 2>/dev/null <&0"] {
            let output = place.bash(&format!("{run} >&-{others}"));
            let stderr = expect(&output, 1);
            assert!(!others.is_empty() || stderr.contains("standard output is closed"), "{stderr}");
        }
        // Anyone who throws it away wants that: as a shell does it, as daemon(3) does, and Python.
        expect(&place.bash(&format!("{run} > /dev/null")), 0);
        expect(&place.bash(&format!("{run} 1<> /dev/null 2>&1")), 0);
        // What is open for reading only takes nothing either.
        let stderr = expect(&place.bash(&format!("{run} 1< image")), 1);
        assert!(stderr.contains("standard output"), "{stderr}");
    }
    // A sentence that the exit code says as well is lost to nobody: Python's DEVNULL looks like a closed one.
    for run in ["lvpatch --verify < stream", "lvpatch --check --device image < stream"] {
        expect(&place.bash(&format!("{run} >&-")), 0);
        expect(&place.bash(&format!("{run} 1<> /dev/null")), 0);
        expect(&place.bash(&format!("{run} 1< image")), 1);
    }
    for name in ["/dev/stdout", "/proc/self/fd/1"] {
        let stderr = expect(&place.bash(&format!("lvdiff --merge stream -o {name} >&-")), 1);
        assert!(stderr.contains("standard output is closed"), "{stderr}");
    }
    assert!(place.files() == before);
    for run in ["lvdiff --merge stream -o out", "lvdiff --merge stream -o out <&- 2>&-"] {
        expect(&place.bash(&format!("{run} >&-")), 0);
        expect(&place.bash("lvpatch -q --verify < out && rm out"), 0);
    }
}

#[test]
fn a_closed_standard_input_is_no_empty_stream() {
    let place = Place::new();
    let before = place.files();
    for run in ["lvpatch --verify", "lvpatch --device image", "lvpatch --info -i -"] {
        let stderr = expect(&place.bash(&format!("{run} <&-")), 2);
        assert!(stderr.contains("standard input, which is closed"), "{stderr}");
    }
    assert!(place.files() == before);
}

#[test]
fn a_hyphen_is_standard_input_or_output() {
    let place = Place::new();
    let expected = place.bash("lvdiff -q --merge stream");
    expect(&expected, 0);
    let output = place.bash("lvdiff -q --merge stream -o - | cat");
    assert!(output.stdout == expected.stdout);
    let info = place.bash("lvpatch --info < stream");
    for run in ["lvpatch --info -i - < stream", "lvpatch --info - < stream"] {
        let output = place.bash(run);
        expect(&output, 0);
        assert!(output.stdout == info.stdout, "{run}");
    }
    expect(&place.bash("cat stream | lvpatch --device image -i -"), 0);
    assert!(fs::read(place.path("image")).unwrap()[..65536] == [1; 65536]);
    // A file of that name has another one, too.
    expect(&place.bash("lvdiff -q --merge stream -o ./-"), 0);
    assert!(fs::read(place.path("-")).unwrap() == expected.stdout);
}

/// As `head` does when it has enough. A stream is another matter: what is missing of it is missed.
#[test]
fn a_reader_that_has_enough_ends_a_list_without_a_word() {
    let place = Place::new();
    // More than a pipe holds.
    let mut pool = Pool::new(Shape::default());
    pool.create_with(1, (0..20_000).map(|block| (2 * block, block)));
    fs::write(place.path("many"), pool.image()).unwrap();
    for run in [
        "lvdiff --metadata many --list 1",
        "lvdiff --metadata many --list --json 1",
        "lvdiff --metadata many --list --map borg 1",
        "lvdiff --metadata many --list --map rbd 1",
        "lvpatch --info --json $(yes stream | head -n 2000)",
    ] {
        let output = place.bash(&format!("{run} | head -c 100; exit ${{PIPESTATUS[0]}}"));
        assert_eq!(expect(&output, 1), "", "{run}");
        assert!(!output.stdout.is_empty(), "{run}");
    }
    // What fits into the pipe is written all the same.
    for run in ["lvdiff --metadata metadata --summary 2 3", "lvpatch --info < stream"] {
        let stderr = expect(&place.bash(&format!("{run} | true; exit 0")), 0);
        assert_eq!(stderr, "", "{run}");
    }
    // A program that reads the report is told.
    let report = "lvdiff --report json --metadata many --list 1 | true";
    let stderr = expect(&place.bash(&format!("{report}; exit ${{PIPESTATUS[0]}}")), 1);
    assert!(stderr.starts_with('{') && stderr.contains("its reader went away"), "{stderr}");
    let stderr = expect(&place.bash("lvdiff --merge stream | true; exit ${PIPESTATUS[0]}"), 1);
    assert!(stderr.contains("Broken pipe"), "{stderr}");
}

/// Down to the few that a program begins with.
#[test]
fn a_limit_of_descriptors_is_an_error_that_names_what_could_not_be_opened() {
    let place = Place::new();
    let before = place.files();
    let mut refused = 0;
    for run in [
        "lvdiff --merge stream -o out && rm out",
        "lvdiff --metadata metadata --list 2 3",
        "lvpatch --verify -i stream",
        "lvpatch --device new -i full && rm new",
    ] {
        for most in 4..14 {
            let output = place.bash(&format!("ulimit -n {most}; {run}"));
            if output.status.success() {
                continue;
            }
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(!stderr.contains("panicked"), "{run}: {stderr}");
            if stderr.contains("error while loading shared libraries") {
                continue;
            }
            assert!(stderr.contains("Too many open files"), "{most}: {run}: {stderr}");
            refused += 1;
            assert!(place.files() == before, "{most}: {run}");
        }
    }
    assert!(refused > 0);
}
