//! What only a program does: it escapes what it prints, and ends with an exit code.

use system_tests::forge::{Frame, MAGIC, stream};

use super::foreign::FIRST_VERSION;
use super::{sound, with};
use crate::refusal::{Place, is_harmless, refused_by_programs};

#[test]
fn one_of_each_kind_is_refused_in_the_words_of_the_libraries() {
    let (header, frames) = sound();
    refused_by_programs("no stream", b"\x1b[2J\x1b]0;title\x07");
    refused_by_programs("a stream that is cut", MAGIC);
    refused_by_programs("a name", &with(|header| header.target.name = b"\x1b[2J".into()));
    refused_by_programs("a frame", &stream(&header, &[Frame::new(b"\x1b[2J", 0, 0, &[])]));
    refused_by_programs("order", &stream(&header, &[&frames[..], &frames].concat()));
    let line = "W \u{1b}[2J 1\n".as_bytes();
    refused_by_programs("another tool's", &[FIRST_VERSION, b"\n", line].concat());
}

#[test]
fn names_that_are_allowed_are_escaped_wherever_they_are_printed() {
    // No rule of the format forbids these: marks that turn the direction of what follows.
    let name = "good\u{202e}gpj.\u{2066}\u{61c}exe";
    let place = Place::new(&with(|header| {
        header.target.name = name.into();
        header.base.as_mut().unwrap().name = name.into();
        header.base.as_mut().unwrap().size = 512;
        header.tool = name.into();
        header.pairs = vec![("\u{1b}[2J\u{202e}".into(), "\u{9b}31m\r\n\0\u{7f}\u{2067}".into())];
    }));
    let outputs = [
        place.start("lvpatch", &["--info"]),
        place.start("lvpatch", &["--info", "--json"]),
        place.start("lvpatch", &["--info", "stream"]),
        place.start("lvpatch", &["--info", "stream", "stream"]),
        place.start("lvpatch", &["--info", "--json", "stream", "stream"]),
        place.start("lvpatch", &["--device", "image"]),
        place.start("lvpatch", &["--device", "image", "-v", "-v", "-i", "stream"]),
        place.start("lvpatch", &["--verify", "-i", "stream", "-i", "stream"]),
        place.start("lvpatch", &["--check", "--device", "image"]),
        place.start("lvpatch", &["--verify", "--until", "none"]),
        place.start("lvdiff", &["--merge", "stream", "-o", "merged"]),
        place.start("lvdiff", &["--merge", "stream", "stream"]),
    ];
    for (number, ended) in outputs.iter().enumerate() {
        is_harmless(&format!("{number}"), ended.stderr.as_bytes());
        if number != 11 {
            is_harmless(&format!("{number}"), &ended.stdout);
        }
    }
}
