//! A stream that somebody means harm with is refused in every way, and nothing is touched.
#![allow(dead_code)] // each test file uses a part of it

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use system_tests::scratch;

use crate::library::{self, Ended, alone, limited};
use crate::watched::{self, Watched};

/// The size of the image, in bytes.
pub(crate) const SIZE: u64 = 1 << 20;

/// A folder with an image of 1 MiB and a stream.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new(stream: &[u8]) -> Self {
        let place = Self(scratch().unwrap());
        fs::write(place.path("image"), vec![0x5a; SIZE as usize]).unwrap();
        fs::write(place.path("stream"), stream).unwrap();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What a program would do, within the limits. Standard input is the stream.
    #[track_caller]
    pub(crate) fn run(&self, program: &str, words: &[&str]) -> Ended {
        limited(&format!("{program} {words:?}"), || library::run(self.0.path(), program, words))
    }

    /// What the program itself does.
    #[track_caller]
    pub(crate) fn start(&self, program: &str, words: &[&str]) -> watched::Ended {
        let stream = self.path("stream");
        Watched::new(program).folder(self.0.path()).args(words).stdin(&stream).end()
    }

    /// All files, and what is in them.
    pub(crate) fn content(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let files = fs::read_dir(self.0.path()).unwrap();
        files
            .map(|file| file.unwrap().path())
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect()
    }
}

/// What goes to a terminal has nothing in it that a terminal obeys.
#[track_caller]
pub(crate) fn is_harmless(what: &str, text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    let obeyed = |character: char| {
        (character.is_control() && character != '\n')
            || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!text.contains(obeyed), "{what}: {text:?}");
}

/// Every way to give a stream to the programs, but `--info`, which need not read all of it.
const WAYS: [(&str, &[&str]); 9] = [
    ("lvpatch", &["--verify"]),
    ("lvpatch", &["--verify", "-i", "stream"]),
    ("lvpatch", &["--device", "image"]),
    ("lvpatch", &["--device", "image", "-i", "stream"]),
    ("lvpatch", &["--device", "image", "--backup", "undo", "-i", "stream"]),
    ("lvpatch", &["--device", "new", "--size", "1M", "-i", "stream"]),
    ("lvdiff", &["--merge", "stream", "stream", "-o", "merged"]),
    ("lvdiff", &["--merge", "stream", "stream"]),
    ("lvdiff", &["--convert", "-i", "stream", "--size", "1M", "a", "b", "-o", "converted"]),
];

/// Every way to ask what a stream is. As JSON it is printed, and not read, in another way.
const INFO: [&[&str]; 4] =
    [&["--info"], &["--info", "--json"], &["--info", "stream"], &["--info", "stream", "stream"]];

/// How a line must end that is given such a stream.
#[track_caller]
fn check(case: &str, words: &[&str], code: i32, stderr: &str) {
    match words[0] {
        // Two increments from the same base are no chain.
        "--info" => {
            let is_sound = code == 0 || (code == 3 && words.len() > 2);
            assert!(is_sound || code == 4, "{case}: {code} {stderr}");
        }
        "--verify" => assert_eq!(code, 4, "{case}: {stderr}"),
        _ => assert!([2, 3, 4].contains(&code), "{case}: {code} {stderr}"),
    }
    is_harmless(case, stderr.as_bytes());
}

/// All ways, those to ask what it is included.
fn ways() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    WAYS.into_iter().chain(INFO.map(|words| ("lvpatch", words)))
}

/// The stream is refused in every way, and nothing is touched. It may be said of it what it is, where
/// its header is sound.
#[track_caller]
pub(crate) fn refused(what: &str, stream: &[u8]) {
    let place = Place::new(stream);
    let before = place.content();
    for (program, words) in ways().filter(|(_, words)| !words.contains(&"--json")) {
        let case = format!("{what}: {program} {words:?}");
        let ended = place.run(program, words);
        check(&case, words, ended.code, &ended.stderr);
        assert!(place.content() == before, "{case}: something was touched");
    }
}

/// The programs refuse it as well, and in the same words: theirs have a name before them, and may have a way out
/// after them.
#[track_caller]
pub(crate) fn refused_by_programs(what: &str, stream: &[u8]) {
    let _alone = alone();
    let place = Place::new(stream);
    let before = place.content();
    let folder = format!("{}/", place.0.path().display());
    for (program, words) in ways() {
        let case = format!("{what}: {program} {words:?}");
        let ended = place.start(program, words);
        check(&case, words, ended.code, &ended.stderr);
        assert!(place.content() == before, "{case}: something was touched");
        match words[0] {
            "--info" => is_harmless(&case, &ended.stdout),
            _ => assert!(ended.stdout.is_empty(), "{case}: {:?}", ended.stdout),
        }
        let expected = library::run(place.0.path(), program, words);
        assert_eq!(ended.code, expected.code, "{case}: {}\n{}", ended.stderr, expected.stderr);
        let expected = expected.stderr.replace(&folder, "");
        assert_eq!(ended.stderr.lines().count(), expected.lines().count(), "{case}: {expected}");
        for (said, expected) in ended.stderr.lines().zip(expected.lines()) {
            let begin = format!("{program}: {expected}");
            assert!(said.starts_with(&begin), "{case}: {said}\nexpected: {begin}");
        }
    }
}
