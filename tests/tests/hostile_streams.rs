//! lvpatch and lvdiff on streams from somebody who means harm: checks and digests are right, what they
//! say is not. No kernel, no LVM, no root.

mod watched;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use system_tests::forge::{Frame, Header, MAGIC, Volume, stream, stream_with};
use watched::{Ended, Watched};

const SIZE: u64 = 1 << 20;

/// A folder with an image of 1 MiB and a stream.
struct Place(tempfile::TempDir);

impl Place {
    fn new(stream: &[u8]) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.path("image"), vec![0x5a; SIZE as usize]).unwrap();
        fs::write(place.path("stream"), stream).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn end(&self, program: &str, arguments: &[&str]) -> Ended {
        Watched::new(program).folder(self.0.path()).args(arguments).end()
    }

    /// With the stream on standard input.
    fn fed(&self, program: &str, arguments: &[&str]) -> Ended {
        let stream = self.path("stream");
        Watched::new(program).folder(self.0.path()).args(arguments).stdin(&stream).end()
    }

    /// All files, and what is in them.
    fn content(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let files = fs::read_dir(self.0.path()).unwrap();
        files
            .map(|file| file.unwrap().path())
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect()
    }
}

/// What goes to a terminal has nothing in it that a terminal obeys.
#[track_caller]
fn is_harmless(what: &str, text: &[u8]) {
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
fn refused(what: &str, stream: &[u8]) {
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
        assert!([0, 4].contains(&ended.code), "{case}: {} {}", ended.code, ended.stderr);
        is_harmless(&case, ended.stderr.as_bytes());
        is_harmless(&case, &ended.stdout);
        assert!(place.content() == before, "{case}: something was touched");
    }
}

/// A stream with a sound header, whose frames are refused in every way; as a full stream too, of which
/// an image would be made. It is damaged, and not merely unwanted.
#[track_caller]
fn refused_frames(what: &str, header: &Header, frames: &[Frame]) {
    refused(what, &stream(header, frames));
    let full = Header { base: None, base_origin: Vec::new(), ..header.clone() };
    for (header, arguments) in
        [(header, ["--device", "image"]), (&full, ["--device", "new"]), (&full, ["--verify", "-v"])]
    {
        let place = Place::new(&stream(header, frames));
        let before = place.content();
        for input in [&["-i", "stream"][..], &[]] {
            let ended = place.fed("lvpatch", &[&arguments[..], input].concat());
            assert_eq!(ended.code, 4, "{what}: {arguments:?} {input:?}: {}", ended.stderr);
            assert!(place.content() == before, "{what}: {arguments:?}: something was touched");
        }
    }
}

fn sound() -> (Header, Vec<Frame>) {
    (Header::of_size(SIZE), vec![Frame::data(0, &[1; 512])])
}

#[test]
fn what_is_forged_here_is_sound_where_nothing_is_wrong() {
    let (header, frames) = sound();
    let place = Place::new(&stream(&header, &frames));
    place.fed("lvpatch", &["--verify"]).expect(0);
    place.fed("lvpatch", &["--device", "image"]).expect(0);
    assert_eq!(fs::read(place.path("image")).unwrap()[..512], [1; 512]);

    let full = Header { base: None, base_origin: Vec::new(), ..header };
    let place = Place::new(&stream(&full, &frames));
    place.fed("lvpatch", &["--device", "new"]).expect(0);
    assert_eq!(fs::read(place.path("new")).unwrap()[..512], [1; 512]);
}

/// A header with one thing changed.
fn with(change: impl FnOnce(&mut Header)) -> Vec<u8> {
    let (mut header, frames) = sound();
    change(&mut header);
    stream(&header, &frames)
}

#[test]
fn headers_that_cannot_be() {
    let long = vec![b'x'; 256];
    let names: [&[u8]; 9] = [
        b"",
        b"a\nb",
        b"a\0b",
        b"\x1b[2J",
        b"\x9b",
        b"\xff\xfe",
        "\u{9b}31m".as_bytes(),
        b"a\x7fb",
        &long,
    ];
    for name in names {
        refused(
            &format!("the target's name {name:?}"),
            &with(|header| header.target.name = name.into()),
        );
        refused(
            &format!("the base's name {name:?}"),
            &with(|header| header.base.as_mut().unwrap().name = name.into()),
        );
        refused(&format!("the tool {name:?}"), &with(|header| header.tool = name.into()));
    }
    for uuid in [&b"a b"[..], b"\x1b[2J", "\u{202e}".as_bytes(), &long] {
        refused("a UUID", &with(|header| header.target.uuid = uuid.into()));
        refused("a base's UUID", &with(|header| header.base.as_mut().unwrap().uuid = uuid.into()));
        refused("an origin", &with(|header| header.base_origin = uuid.into()));
    }
    for size in [1 << 63, u64::MAX, u64::MAX - 511, 513] {
        refused(&format!("a size of {size}"), &with(|header| header.target.size = size));
        refused(
            &format!("a base of {size}"),
            &with(|header| header.base.as_mut().unwrap().size = size),
        );
    }
    for chunk in [0, 1, 513, 1 << 31, 1 << 63, u64::MAX] {
        refused(&format!("chunks of {chunk}"), &with(|header| header.chunk_size = chunk));
    }
    for bytes in [SIZE + 512, 1 << 63, u64::MAX] {
        refused("changed bytes", &with(|header| header.changed_bytes = bytes));
        refused("unmapped bytes", &with(|header| header.unmapped_bytes = bytes));
    }
    refused(
        "both",
        &with(|header| (header.changed_bytes, header.unmapped_bytes) = (1 << 63, 1 << 63)),
    );
    refused("a detect level", &with(|header| header.detect_level = 4));
    refused("an undo", &with(|header| header.undo = 2));
    refused("a key of nothing", &with(|header| header.pairs = vec![(b" ".into(), b"x".into())]));
    refused(
        "a key that is not UTF-8",
        &with(|header| header.pairs = vec![(b"\xff".into(), b"x".into())]),
    );
}

#[test]
fn lengths_and_counts_in_a_header_that_nothing_is_behind() {
    let (header, frames) = sound();
    let bytes = header.to_bytes();
    // The target's name, its UUID, the base's name, the pairs, the tool, the origin.
    let name = 0;
    let uuid = name + 8 + 3;
    let base_name = uuid + 8 + 3 + 8 + 1;
    let pairs = base_name + 8 + 4 + 8 + 4 + 8 + 8;
    let tool = pairs + 8 + 1 + 24;
    let origin = bytes.len() - 8;
    for place in [name, uuid, base_name, pairs, tool, origin] {
        for length in [1 << 20, 1 << 32, 1 << 63, u64::MAX, u64::MAX / 16 + 1] {
            let mut bytes = bytes.clone();
            bytes[place..place + 8].copy_from_slice(&u64::to_le_bytes(length));
            refused(&format!("{length} at {place} of the header"), &stream_with(&bytes, &frames));
        }
    }
    for cut in [0, 1, 8, bytes.len() - 1] {
        refused("a header that is cut", &stream_with(&bytes[..cut], &frames));
    }
    refused("a header that goes on", &stream_with(&[&bytes[..], &[0]].concat(), &frames));
    refused("a header of 1 MiB of zeros", &stream_with(&vec![0; 1 << 20], &frames));
}

#[test]
fn a_million_pairs() {
    let (mut header, frames) = sound();
    header.pairs = vec![(b"k".into(), Vec::new()); 1_000_000];
    // A frame of 17 MB.
    refused("a million pairs", &stream(&header, &frames));
    // As many as there is room for, and they are sound.
    let rest = (1 << 20) - 100 - Header::of_size(SIZE).to_bytes().len();
    header.pairs.truncate(rest / 17);
    let place = Place::new(&stream(&header, &frames));
    for arguments in [
        &["--verify"][..],
        &["--device", "image"],
        &["--device", "image", "-i", "stream"],
        &["--info"],
        &["--info", "--json"],
        &["--info", "--json", "stream"],
    ] {
        place.fed("lvpatch", arguments).expect(0);
    }
    place.end("lvdiff", &["--merge", "stream", "-o", "merged"]).expect(0);
}

#[test]
fn frames_that_cannot_be() {
    let (header, _) = sound();
    let claims =
        |stored_size: u32| Frame { stored_size: Some(stored_size), ..Frame::data(0, &[1; 512]) };
    for frames in [
        // Sizes that nothing is behind.
        vec![claims((1 << 20) + 1)],
        vec![claims(u32::MAX)],
        vec![claims(1 << 31)],
        vec![claims(0)],
        // Ranges.
        vec![Frame::data(0, &[])],
        vec![Frame::data(0, &[1; 513])],
        vec![Frame::data(1, &[1; 512])],
        vec![Frame::data(SIZE, &[1; 512])],
        vec![Frame::data(1 << 63, &[1; 512])],
        vec![Frame::data(u64::MAX - 511, &[1; 512])],
        vec![Frame::zero(0, 0)],
        vec![Frame::zero(0, 1 << 63)],
        vec![Frame::zero(0, u64::MAX - 511)],
        vec![Frame::zero(512, u64::MAX - 511)],
        vec![Frame::discard(0, 1 << 63)],
        vec![Frame { length: 1 << 40, ..Frame::data(0, &[1; 512]) }],
        // Order.
        vec![Frame::data(512, &[1; 512]), Frame::data(0, &[1; 512])],
        vec![Frame::data(0, &[1; 1024]), Frame::data(512, &[1; 512])],
        vec![Frame::zero(0, SIZE), Frame::zero(SIZE - 512, 512)],
        vec![Frame::data(0, &[1; 512]), Frame::data(0, &[1; 512])],
        // More than was announced.
        vec![Frame::discard(0, 512)],
        vec![Frame::zero(0, SIZE), Frame::zero(SIZE, 512)],
        // Kinds and codecs.
        vec![Frame::new(b"HEAD", 0, 0, &header.to_bytes())],
        vec![Frame::new(b"BASE", 0, 0, &[0; 48])],
        vec![Frame::new(b"\x1b[2J", 0, 0, &[])],
        vec![Frame { flags: u32::MAX, ..Frame::new(b"\x1b[2J", 0, 0, &[]) }],
        vec![Frame { flags: 1, ..Frame::data(0, &[1; 512]) }],
        vec![Frame { codec: u32::MAX, ..Frame::data(0, &[1; 512]) }],
        vec![Frame { codec: 1, ..Frame::zero(0, 512) }],
        vec![Frame { digest: [0; 32], ..Frame::data(0, &[1; 512]) }],
        vec![Frame::new(b"ZERO", 0, 512, &[0; 512])],
    ] {
        refused_frames(&format!("{frames:?}"), &header, &frames);
    }
}

#[test]
fn a_compressed_record_that_expands_beyond_its_length() {
    let (header, _) = sound();
    let bomb = zstd::bulk::compress(&vec![0; 512 << 20], 3).unwrap();
    let level = zstd::bulk::compress(&vec![0; 1 << 20], 3).unwrap();
    // A window of 2 GiB, as the frame claims: its descriptor says 2^31, and no size.
    let window = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x03, 0x00, 0x00, 0x00];
    let two = [&level[..], &level].concat();
    for (length, stored) in [
        (512, &bomb[..]),
        (1 << 20, &bomb),
        (u64::MAX - 511, &bomb),
        (1 << 40, &bomb),
        (512, &level),
        ((1 << 20) - 512, &level),
        (512, &window),
        (1 << 20, &two),
        (512, b"no frame at all"),
        (512, b""),
    ] {
        let stored = &stored[..stored.len().min(1 << 20)];
        let frames = [Frame::packed(0, length, stored)];
        let what = format!("{length} bytes of {} stored ones", stored.len());
        refused_frames(&what, &header, &frames);
    }
}

#[test]
fn base_digests_that_cannot_be() {
    let entry = |offset: u64, length: u64| {
        [&offset.to_le_bytes()[..], &length.to_le_bytes(), &[0; 32]].concat()
    };
    for entries in [
        vec![],
        vec![entry(0, 0)],
        vec![entry(0, 1 << 63)],
        vec![entry(u64::MAX, 2)],
        vec![entry(512, 512), entry(0, 512)],
        vec![entry(0, 65537)],
        vec![vec![0; 47]],
    ] {
        let (mut header, mut frames) = sound();
        header.detect_level = 2;
        frames.insert(0, Frame::new(b"BASE", 0, 0, &entries.concat()));
        refused(&format!("{entries:?}"), &stream(&header, &frames));
    }
    let (mut header, frames) = sound();
    header.detect_level = 3;
    refused("no digests", &stream(&header, &frames));
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
        place.fed("lvpatch", &["--info"]),
        place.fed("lvpatch", &["--info", "--json"]),
        place.fed("lvpatch", &["--info", "stream"]),
        place.fed("lvpatch", &["--info", "stream", "stream"]),
        place.fed("lvpatch", &["--info", "--json", "stream", "stream"]),
        place.fed("lvpatch", &["--device", "image"]),
        place.fed("lvpatch", &["--device", "image", "-v", "-v", "-i", "stream"]),
        place.fed("lvpatch", &["--verify", "-i", "stream", "-i", "stream"]),
        place.fed("lvpatch", &["--check", "--device", "image"]),
        place.fed("lvpatch", &["--verify", "--until", "none"]),
        place.end("lvdiff", &["--merge", "stream", "-o", "merged"]),
        place.end("lvdiff", &["--merge", "stream", "stream"]),
    ];
    for (number, ended) in outputs.iter().enumerate() {
        is_harmless(&format!("{number}"), ended.stderr.as_bytes());
        if number != 11 {
            is_harmless(&format!("{number}"), &ended.stdout);
        }
    }
}

#[test]
fn a_volume_as_large_as_can_be_takes_no_time_and_no_memory() {
    let most = (1 << 63) - 512;
    let (mut header, mut frames) = sound();
    (header.target.size, header.changed_bytes, header.base) = (most, most, None);
    header.created = u64::MAX;
    header.extents = u64::MAX;
    frames.push(Frame::zero(512, most - 512));
    let place = Place::new(&stream(&header, &frames));
    place.fed("lvpatch", &["--verify"]).expect(0);
    place.fed("lvpatch", &["--info"]).expect(0);
    place.fed("lvpatch", &["--info", "stream"]).expect(0);
    place.end("lvdiff", &["--merge", "stream", "-o", "merged"]).expect(0);
    let merged = place.end("lvpatch", &["--verify", "-i", "merged"]);
    merged.expect(0);
    fs::remove_file(place.path("merged")).unwrap();
    let before = place.content();
    // No file system here holds such a file. Where one does, it is a hole.
    let ended = place.fed("lvpatch", &["--device", "new"]);
    if ended.code != 0 {
        assert!(place.content() == before, "{}", ended.stderr);
    }
}

#[test]
fn zeros_of_a_large_new_image_are_not_looked_at() {
    // As large as ext4 lets a file be: reading the hole would take an hour.
    let size = (16 << 40) - 65536;
    let (mut header, mut frames) = sound();
    (header.target.size, header.changed_bytes, header.base) = (size, size, None);
    frames.push(Frame::zero(512, size - 512));
    let place = Place::new(&stream(&header, &frames));
    let ended = place.fed("lvpatch", &["--device", "new"]);
    assert!([0, 1].contains(&ended.code), "{}", ended.stderr);
    if ended.code == 0 {
        assert_eq!(File::open(place.path("new")).unwrap().metadata().unwrap().len(), size);
        fs::remove_file(place.path("new")).unwrap();
    }
}

#[test]
fn what_is_no_stream() {
    for (what, bytes) in [
        ("nothing", Vec::new()),
        ("a part of the magic", MAGIC[..5].to_vec()),
        ("the magic alone", MAGIC.to_vec()),
        ("zeros", vec![0; 1 << 20]),
        ("ones", vec![0xff; 1 << 20]),
        ("an escape", b"\x1b[2J\x1b]0;title\x07".repeat(1000)),
        ("another version", b"HYPERLAYER/3.0\n".repeat(1000)),
        ("another version with an escape", b"HYPERLAYER/\x1b[2J\n".repeat(1000)),
        ("the magic again and again", MAGIC.repeat(70_000)),
    ] {
        refused(what, &bytes);
    }
}

#[test]
fn volumes_whose_names_are_paths() {
    // A name is a name: to an image nothing is made that is called so.
    for name in [
        "../x",
        "/tmp/x",
        "a/b",
        ".",
        "..",
        "--foo",
        "-n",
        "x; touch harm",
        "文件",
        &"x".repeat(200),
    ] {
        let place = Place::new(&with(|header| {
            header.target = Volume { name: name.into(), ..header.target.clone() };
        }));
        place.fed("lvpatch", &["--verify"]).expect(0);
        place.fed("lvpatch", &["--device", "image"]).expect(0);
        let names: Vec<_> = place.content().into_keys().collect();
        assert_eq!(names, [place.path("image"), place.path("stream")]);
    }
}

fn be(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

#[test]
fn streams_of_thin_send() {
    let whole = fixture("thin_send-1.1-incremental.stream");
    // Each command is a magic number, an offset, a length and a number of its own; the first one is
    // the begin command. Behind its 28 bytes and what it carries stands that of a range.
    let begin = 28 + u64::from_be_bytes(*whole[16..].first_chunk().unwrap()) as usize;
    assert_eq!(whole[begin..begin + 8], whole[..8]);
    for (place, numbers) in [
        (0, &[0, u64::MAX][..]),
        (16, &[1 << 63, u64::MAX, 1 << 40]),
        (begin, &[0, u64::MAX]),
        (begin + 8, &[1 << 63, u64::MAX, u64::MAX - 511, 7]),
        (begin + 16, &[1 << 63, u64::MAX, u64::MAX - 511, 1 << 40, 0, 7]),
    ] {
        for number in numbers {
            let mut stream = whole.clone();
            stream[place..place + 8].copy_from_slice(&be(*number));
            foreign(&format!("thin_send, {number:#x} at {place}"), &stream);
        }
    }
}

#[test]
fn streams_of_lvmsync() {
    for (offset, length) in [
        (1 << 63, 512),
        (u64::MAX, 512),
        (u64::MAX - 511, 512),
        (0, 0),
        (0, u32::MAX),
        (0, u32::MAX - 511),
        (SIZE, 512),
        (7, 512),
    ] {
        let mut stream = b"lvmsync PROTO[3]\n".to_vec();
        stream.extend(be(offset));
        stream.extend(u32::to_be_bytes(length));
        stream.extend([1; 4096]);
        foreign(&format!("lvmsync, {length} at {offset}"), &stream);
    }
    foreign("lvmsync, a line without an end", &[&b"lvmsync PROTO["[..], &[b'3'; 1 << 20]].concat());
    foreign("lvmsync, an escape", b"lvmsync PROTO[\x1b[2J]\n");
}

#[test]
fn streams_of_the_first_version() {
    let head = |lines: &str| format!("HYPERLAYER/1.0\n{lines}\n").into_bytes();
    let number = |key: &str, number: &str| {
        let mut lines = String::new();
        for (known, value) in [
            ("Name", "x"),
            ("Volume size", "1048576"),
            ("Chunk size", "65536"),
            ("Delta blocks", "1"),
        ] {
            lines += &format!("{known}: {}\n", if known == key { number } else { value });
        }
        head(&lines)
    };
    for wanted in [
        "18446744073709551616",
        "18446744073709551615",
        "9223372036854775808",
        "-1",
        "1e9",
        "0x10",
        "\u{1b}[2J",
        "",
    ] {
        for key in ["Volume size", "Chunk size", "Delta blocks"] {
            foreign(&format!("{key}: {wanted}"), &number(key, wanted));
        }
    }
    for name in ["\u{1b}[2J", "\"\\x1b[2J\"", "\"\\n\"", "''", &"x".repeat(300)] {
        foreign(&format!("the name {name:?}"), &number("Name", name));
    }
    for block in [
        "W ffffffffffffffff 80",
        "W 0 ffffffffffffffff",
        "W 0 0",
        "W 7fffffffffffff 1",
        "W \u{1b}[2J 1",
        "W 0",
        "",
    ] {
        let stream = [number("", ""), format!("{block}\n").into_bytes(), vec![1; 100]].concat();
        foreign(&format!("the block {block:?}"), &stream);
    }
    foreign("a line without an end", &[&head("a: b")[..], &vec![b'x'; 4 << 20]].concat());
    foreign(
        "a header without an end",
        &[&b"HYPERLAYER/1.0\n"[..], &b"a: b\n".repeat(1 << 20)].concat(),
    );
}

#[test]
fn a_header_of_nothing_but_short_lines_takes_little_memory() {
    // HYPERLAYER/1.0 has no limit of its own. Each line costs more memory than it has bytes.
    const HEAD: &[u8] =
        b"HYPERLAYER/1.0\nName: x\nVolume size: 1048576\nChunk size: 65536\nDelta blocks: 0\n";
    for line in [&b":\n"[..], b"a:\n", b"a:b\n"] {
        // As many as there may be room for, however they are counted, and twice as many.
        for (room, more) in
            [((1 << 20) - 500, 0), ((1 << 20) - 500, 1), ((1 << 20) - 500, 17), (2 << 20, 0)]
        {
            let lines = line.repeat(room / (line.len() - 1 + more));
            let place = Place::new(&[HEAD, &lines, b"\n"].concat());
            for arguments in [&["--info"][..], &["--info", "--json"], &["--verify"]] {
                let ended = place.fed("lvpatch", arguments);
                assert!([0, 4].contains(&ended.code), "{}", ended.stderr);
                assert!(ended.code == 0 || more < 17, "{}", ended.stderr);
            }
            let ended =
                place.end("lvdiff", &["--convert", "-i", "stream", "a", "b", "-o", "converted"]);
            assert!([0, 4].contains(&ended.code), "{}", ended.stderr);
        }
    }
}

/// A header of lvbackup's, with its MD5.
fn lvbackup(kind: u8, size: u64, block_size: u32, blocks: u64) -> Vec<u8> {
    use md5::{Digest, Md5};
    let mut header = vec![1, kind];
    header.extend(be(size));
    header.extend(block_size.to_be_bytes());
    header.extend(be(blocks));
    header.extend([b'u'; 36]);
    header.extend([b'v'; 36]);
    let digest = Md5::digest(&header);
    header.extend(digest);
    header
}

#[test]
fn streams_of_lvbackup() {
    for (size, block_size, blocks) in [
        (SIZE, 0, 1),
        (SIZE, 1, 1),
        (SIZE, 1 << 31, 1),
        (SIZE, u32::MAX, 1),
        (SIZE, 65536, 1 << 63),
        (SIZE, 65536, u64::MAX),
        (SIZE, 65536, 17),
        (u64::MAX, 65536, 1),
        (1 << 63, 1 << 30, 1 << 33),
        ((1 << 63) - 512, 1 << 30, (1 << 33) - 1),
        (SIZE, 65536, 1),
    ] {
        for kind in [1, 2] {
            let mut stream = lvbackup(kind, size, block_size, blocks);
            stream.extend(be(u64::MAX));
            stream.extend([7; 5000]);
            foreign(&format!("lvbackup, {size} {block_size} {blocks}"), &stream);
        }
    }
}

fn frame(kind: &str, start: u64, length: u64) -> Vec<u8> {
    format!("{kind} {start:016x} {length:016x}\r\n").into_bytes()
}

fn virtnbdbackup(meta: &str) -> Vec<u8> {
    [frame("meta", 0, meta.len() as u64), meta.into(), b"\r\n".into()].concat()
}

#[test]
fn streams_of_virtnbdbackup() {
    let meta = |size: &str, data: &str, more: &str| {
        virtnbdbackup(&format!(
            "{{\"virtualSize\": {size}, \"dataSize\": {data}, \"incremental\": false, \"diskName\": \"sda\"{more}}}"
        ))
    };
    for size in
        ["18446744073709551616", "18446744073709551615", "-1", "1e308", "\"x\"", "null", "[]", "{}"]
    {
        foreign(&format!("a virtualSize of {size}"), &meta(size, "512", ""));
        foreign(&format!("a dataSize of {size}"), &meta("1048576", size, ""));
    }
    for (what, stream) in [
        ("meta of 2^63", frame("meta", 0, 1 << 63)),
        ("meta of 2 MiB", frame("meta", 0, 2 << 20)),
        ("nested JSON", virtnbdbackup(&"[".repeat(1 << 20))),
        ("a name with an escape", meta("1048576", "0", ", \"diskName\": \"\\u001b[2J\"")),
        (
            "a method with an escape",
            meta(
                "1048576",
                "0",
                ", \"compressed\": true, \"compressionMethod\": \"\\u009b2J\\u202e\"",
            ),
        ),
        ("an odd value", meta("1048576", "0", ", \"compressed\": \"\\u001b\"")),
        ("a kind with an escape", [meta("1048576", "512", ""), frame("\x1b[2J", 0, 0)].concat()),
        ("data of 2^63", [meta("1048576", "512", ""), frame("data", 0, 1 << 63)].concat()),
        ("data behind the end", [meta("1048576", "512", ""), frame("data", 1 << 20, 512)].concat()),
        ("more data than announced", [meta("1048576", "512", ""), frame("data", 0, 1024)].concat()),
        (
            "zeros of 2^64",
            [meta("1048576", "512", ""), frame("zero", 512, u64::MAX - 511)].concat(),
        ),
    ] {
        foreign(what, &stream);
    }
}

#[test]
fn an_lz4_frame_that_expands_takes_little_memory() {
    let size = 1_u64 << 30;
    let meta = format!(
        "{{\"virtualSize\": {size}, \"dataSize\": {size}, \"incremental\": false, \"diskName\": \"sda\", \"compressed\": true}}"
    );
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    std::io::Write::write_all(&mut encoder, &vec![0; 512 << 20]).unwrap();
    let bomb = encoder.finish().unwrap();
    foreign("512 MiB in a frame", &[virtnbdbackup(&meta), frame("data", 0, size), bomb].concat());
}

#[test]
fn sizes_at_the_end_take_little_memory() {
    let meta = "{\"virtualSize\": 1048576, \"dataSize\": 0, \"incremental\": false, \"diskName\": \"sda\", \"compressed\": true}";
    let sizes = format!("[{}0]", "0,".repeat(30 << 20));
    let tail = format!("\r\ncomp {:016x} {:016x}\r\n", 0, sizes.len());
    let stream =
        [virtnbdbackup(meta), frame("stop", 0, 0), sizes.into_bytes(), tail.into_bytes()].concat();
    foreign("numbers for blocks that never came", &stream);
}

/// As [`refused`]: of another tool's stream, `--info` says what is in it where its beginning is sound.
#[track_caller]
fn foreign(what: &str, stream: &[u8]) {
    refused(what, stream);
}

fn fixture(name: &str) -> Vec<u8> {
    use std::io::Read;
    let path = format!("../crates/hyperlayer/tests/fixtures/{name}.zst");
    let file = File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let mut bytes = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(file).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}
