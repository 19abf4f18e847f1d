//! Headers that cannot be, and names that may be anything.

use system_tests::forge::{Frame, Header, MAGIC, Volume, stream, stream_with};

use super::{sound, with};
use crate::refusal::{Place, SIZE, refused};

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
    refused("the rest and an undo", &with(|header| (header.undo, header.rest) = (1, 1)));
    refused("the rest of nothing", &with(|header| header.rest = 1));
    refused("a rest of 2", &with(|header| header.rest = 2));
    refused("a checkpoint of no disk", &with(|header| header.checkpoint = b"c1".into()));
    refused("a base's checkpoint", &with(|header| header.base_checkpoint = b"c1".into()));
    for disk in [&b"\x1b[2J"[..], b"a\nb", b"\xff", &long] {
        refused("a disk", &with(|header| header.disk = disk.into()));
    }
    refused("a digest that may be there", &with(|header| header.previous = Some((2, [7; 32]))));
    refused(
        "what no base is known by",
        &with(|header| (header.base, header.previous) = (None, Some((1, [7; 32])))),
    );
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
        place.run("lvpatch", &["--verify"]).expect(0);
        place.run("lvpatch", &["--device", "image"]).expect(0);
        let names: Vec<_> = place.content().into_keys().collect();
        assert_eq!(names, [place.path("image"), place.path("stream")]);
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
    // A root digest of another length, at another level, twice, or the digest of the whole that was
    // there before.
    let with_frame = |level, kind, content: &[u8]| {
        let (mut header, mut frames) = sound();
        header.detect_level = level;
        frames.insert(0, Frame::new(kind, 0, 0, content));
        stream(&header, &frames)
    };
    for length in [0, 31, 33, 48, 64, 1 << 20] {
        refused(&format!("a root of {length} bytes"), &with_frame(3, b"ROOT", &vec![7; length]));
    }
    for level in [0, 1, 2] {
        refused(&format!("a root at level {level}"), &with_frame(level, b"ROOT", &[7; 32]));
    }
    refused("a plain digest of the whole", &with_frame(3, b"BASE", &entry(0, 512)));
    let (mut header, mut frames) = sound();
    header.detect_level = 3;
    let root = Frame::new(b"ROOT", 0, 0, &[7; 32]);
    frames.splice(0..0, [root.clone(), root]);
    refused("two roots", &stream(&header, &frames));
    (header.base, header.detect_level) = (None, 3);
    frames.remove(0);
    refused("a root of no base", &stream(&header, &frames));
}

#[test]
fn the_rest_of_a_stream_that_cannot_be() {
    let (header, frames) = sound();
    let rest = Header { rest: 1, ..header.clone() };
    let entry = |offset: u64, length: u64| {
        [&offset.to_le_bytes()[..], &length.to_le_bytes(), &[0; 32]].concat()
    };
    let with_part = |header: &Header, entries: &[Vec<u8>], frames: &[Frame]| {
        let part = Frame::new(b"PART", 0, 0, &entries.concat());
        stream(header, &[&[part], frames].concat())
    };
    let data = [Frame::data(65536, &[1; 512])];
    // It is sound, and is applied to nothing: nobody has proved that the beginning is there.
    let sound = with_part(&rest, &[entry(0, 512)], &data);
    let place = Place::new(&sound);
    place.run("lvpatch", &["--verify"]).expect(0);
    let before = place.content();
    for arguments in
        [&["--device", "image"][..], &["--device", "image", "-i", "stream"], &["--device", "new"]]
    {
        let ended = place.run("lvpatch", arguments);
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert!(ended.stderr.contains("is the rest of a stream"), "{}", ended.stderr);
    }
    let ended = place.run("lvdiff", &["--merge", "stream", "stream"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(place.content() == before);

    for entries in [
        vec![],
        vec![entry(0, 0)],
        vec![entry(0, SIZE + 1)],
        vec![entry(u64::MAX, 2)],
        vec![entry(512, 512), entry(0, 512)],
        vec![entry(0, 1024), entry(512, 512)],
        vec![vec![0; 47]],
    ] {
        refused(&format!("{entries:?}"), &with_part(&rest, &entries, &data));
    }
    refused("a record before its end", &with_part(&rest, &[entry(0, 1024)], &frames));
    refused("a part of a whole stream", &with_part(&header, &[entry(0, 512)], &data));
}
