//! A stream that somebody means harm with is refused in every way, and nothing is touched.
#![allow(dead_code)] // each test file uses a part of it

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::watched::{Ended, Watched};

/// The size of the image, in bytes.
pub(crate) const SIZE: u64 = 1 << 20;

/// A folder with an image of 1 MiB and a stream.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new(stream: &[u8]) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.path("image"), vec![0x5a; SIZE as usize]).unwrap();
        fs::write(place.path("stream"), stream).unwrap();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn end(&self, program: &str, arguments: &[&str]) -> Ended {
        Watched::new(program).folder(self.0.path()).args(arguments).end()
    }

    /// With the stream on standard input.
    pub(crate) fn fed(&self, program: &str, arguments: &[&str]) -> Ended {
        let stream = self.path("stream");
        Watched::new(program).folder(self.0.path()).args(arguments).stdin(&stream).end()
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

/// The stream is refused in every way, and nothing is touched. It may be said of it what it is, where
/// its header is sound.
#[track_caller]
pub(crate) fn refused(what: &str, stream: &[u8]) {
    let place = Place::new(stream);
    let before = place.content();
    let codes = [2, 3, 4];
    for (program, arguments) in WAYS {
        let ended = place.fed(program, arguments);
        let case = format!("{what}: {program} {arguments:?}");
        assert!(codes.contains(&ended.code), "{case}: {} {}", ended.code, ended.stderr);
        if program == "lvpatch" && arguments[0] == "--verify" {
            assert_eq!(ended.code, 4, "{case}: {}", ended.stderr);
        }
        is_harmless(&case, ended.stderr.as_bytes());
        assert!(place.content() == before, "{case}: something was touched");
    }
    for arguments in [
        &["--info"][..],
        &["--info", "--json"],
        &["--info", "stream"],
        &["--info", "stream", "stream"],
    ] {
        let ended = place.fed("lvpatch", arguments);
        let case = format!("{what}: lvpatch {arguments:?}");
        // Two increments from the same base are no chain.
        let is_sound = ended.code == 0 || (ended.code == 3 && arguments.len() > 2);
        assert!(is_sound || ended.code == 4, "{case}: {} {}", ended.code, ended.stderr);
        is_harmless(&case, ended.stderr.as_bytes());
        is_harmless(&case, &ended.stdout);
        assert!(place.content() == before, "{case}: something was touched");
    }
}
