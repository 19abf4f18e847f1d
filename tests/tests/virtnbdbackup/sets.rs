//! The sets of streams, and what is done with them.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{LazyLock, Mutex};

use flow::WayOut;
use system_tests::{programs, scratch};

use crate::library::{self, Ended};

/// A folder with all sets in it, and a place for images.
pub(super) struct Sets(pub(super) tempfile::TempDir);

impl Sets {
    pub(super) fn new() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/virtnbdbackup.tar.zst");
        let mut bytes = Vec::new();
        let file = File::open(path).unwrap();
        ruzstd::decoding::StreamingDecoder::new(file).unwrap().read_to_end(&mut bytes).unwrap();
        let sets = Self(scratch().unwrap());
        let mut rest = bytes.as_slice();
        // The tar format: blocks of 512 bytes, a name in the first one, its content in those after it.
        while let Some((head, after)) = rest.split_at_checked(512).filter(|(head, _)| head[0] != 0)
        {
            let text = |from: usize, to: usize| {
                let field = head[from..to].split(|byte| *byte == 0).next().unwrap();
                std::str::from_utf8(field).unwrap().trim()
            };
            let (name, size) = (text(0, 100), usize::from_str_radix(text(124, 136), 8).unwrap());
            let path = sets.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, &after[..size]).unwrap();
            rest = &after[size.next_multiple_of(512)..];
        }
        sets
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What a program would do.
    pub(super) fn run(&self, program: &str, words: &[&str]) -> Ended {
        library::run(self.0.path(), program, words)
    }

    /// What the program itself does.
    pub(super) fn start(&self, program: &str, words: &[&str]) -> Output {
        let mut command = Command::new(programs::dir().unwrap().join(program));
        command.current_dir(self.0.path()).args(words).stdin(Stdio::null()).output().unwrap()
    }

    /// Applies streams to a new image, whose SHA-256 it yields.
    #[track_caller]
    pub(super) fn apply(&self, words: &[&str]) -> (String, String) {
        _ = fs::remove_file(self.path("image"));
        let ended = self.run("lvpatch", &[&["--device", "image"], words].concat());
        ended.expect(0);
        (sha256(&self.path("image")), ended.stderr)
    }

    /// Streams are refused, and no image is made; yields what would lead out.
    #[track_caller]
    pub(super) fn refused(&self, words: &[&str], code: i32, said: &[&str]) -> Option<WayOut> {
        _ = fs::remove_file(self.path("image"));
        let ended = self.run("lvpatch", &[&["--device", "image"], words].concat());
        let stderr = ended.expect(code);
        for word in said {
            assert!(stderr.contains(word), "{word}: {stderr}");
        }
        assert!(!self.path("image").exists(), "{stderr}");
        ended.way_out
    }

    /// The streams of these files as a table has them, and whether the chain breaks before each.
    #[track_caller]
    pub(super) fn table(&self, files: &[&str]) -> Vec<(String, bool)> {
        let files: Vec<_> = files.iter().map(|file| self.path(file)).collect();
        let entries = streams::catalogue(&files, None, false).unwrap();
        let folder = format!("{}/", self.0.path().display());
        let row =
            |entry: &streams::Entry| (entry.place.replace(&folder, ""), entry.breaks.is_some());
        entries.iter().map(row).collect()
    }

    /// Whether the chain of these files breaks anywhere.
    #[track_caller]
    pub(super) fn breaks(&self, files: &[&str]) -> bool {
        self.table(files).iter().any(|(_, breaks)| *breaks)
    }
}

pub(super) fn expect(output: &Output, code: i32) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    stderr
}

/// A file's SHA-256. The same few images are made again and again: sha256sum sees each of them once.
pub(super) fn sha256(path: &Path) -> String {
    static KNOWN: LazyLock<Mutex<HashMap<blake3::Hash, String>>> = LazyLock::new(Mutex::default);
    let content = blake3::hash(&fs::read(path).unwrap());
    let mut known = KNOWN.lock().unwrap();
    let sha256 = known.entry(content).or_insert_with(|| {
        let output = Command::new("sha256sum").arg(path).output().unwrap();
        String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
    });
    sha256.clone()
}

/// A step of a set: what disk, what its SHA-256 was, and the files that lead there.
pub(super) struct Step {
    pub(super) disk: String,
    pub(super) number: usize,
    pub(super) sha256: String,
    pub(super) files: Vec<String>,
    pub(super) is_differential: bool,
}

/// The steps of a set, as its TRUTH has them.
pub(super) fn steps(sets: &Sets, set: &str) -> Vec<Step> {
    let mut names: Vec<_> = fs::read_dir(sets.path(set))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".data"))
        .collect();
    names.sort();
    let mut taken: BTreeMap<(String, &str), usize> = BTreeMap::new();
    let mut chains: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut steps = Vec::new();
    for line in fs::read_to_string(sets.path(&format!("{set}/TRUTH"))).unwrap().lines() {
        let words: Vec<_> = line.split(' ').collect();
        let [sha256, _size, disk, step] = words[..] else { panic!("{line}") };
        let (number, level) = step.strip_prefix("step").unwrap().split_once('-').unwrap();
        if disk == "vdc" {
            continue; // a raw one, which virtnbdbackup leaves out
        }
        let level = ["full", "copy", "inc", "diff"].into_iter().find(|one| *one == level).unwrap();
        let count = taken.entry((disk.into(), level)).or_default();
        let begin = format!("{disk}.{level}.");
        let name = names.iter().filter(|name| name.starts_with(&begin)).nth(*count).unwrap();
        *count += 1;
        let chain = chains.entry(disk.into()).or_default();
        let files = [&chain[..], &[format!("{set}/{name}")]].concat();
        if level != "diff" {
            chain.clone_from(&files);
        }
        steps.push(Step {
            disk: disk.into(),
            number: number.parse().unwrap(),
            sha256: sha256.into(),
            files,
            is_differential: level == "diff",
        });
    }
    steps
}

pub(super) fn inputs(files: &[String]) -> Vec<&str> {
    files.iter().flat_map(|file| ["-i", file]).collect()
}
