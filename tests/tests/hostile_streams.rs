//! lvpatch and lvdiff on streams from somebody who means harm: checks and digests are right, what they
//! say is not. No kernel, no LVM, no root.

mod refusal;
mod watched;

use std::fs::{self, File};

use refusal::{Place, SIZE, is_harmless, refused};
use system_tests::forge::{
    Frame, Header, MAGIC, Tail, Volume, stream, stream_that_ends, stream_with,
};

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
fn groups_that_cannot_be() {
    let (header, _) = sound();
    let data = |offset| -> (&[u8; 4], u64, u64, &[u8]) { (b"DATA", offset, 512, &[1; 512]) };
    let zero = |offset, length| -> (&[u8; 4], u64, u64, &[u8]) { (b"ZERO", offset, length, &[]) };
    // What is sound, so that the rest is refused for what it says.
    let place = Place::new(&stream(&header, &[Frame::group(&[data(0), zero(512, 512)])]));
    place.fed("lvpatch", &["--verify"]).expect(0);
    place.fed("lvpatch", &["--device", "image"]).expect(0);

    let changed = |at: usize, bytes: &[u8]| {
        let mut group = Frame::group(&[data(0), data(1024)]);
        group.stored[at..at + bytes.len()].copy_from_slice(bytes);
        group.digest = *blake3::hash(&group.stored[..120]).as_bytes();
        group
    };
    for frame in [
        Frame::group(&[]),
        Frame::group(&[data(512), data(0)]),
        Frame::group(&[data(0), data(0)]),
        Frame::group(&[zero(0, 1 << 63)]),
        Frame::group(&[zero(0, u64::MAX - 511)]),
        Frame::group(&[zero(0, 0)]),
        Frame::group(&[data(SIZE)]),
        Frame::group(&[(b"DISC", 0, 512, &[])]),
        Frame::group(&[(b"GRUP", 0, 512, &[])]),
        Frame::group(&[(b"\x1b[2J", 0, 512, &[])]),
        Frame::group(&[(b"DATA", 0, u64::MAX, &[1; 512])]),
        Frame::group(&[(b"DATA", 0, 1024, &[1; 512])]),
        changed(0, &u32::MAX.to_le_bytes()),
        changed(0, &3_u32.to_le_bytes()),
        changed(0, &0_u32.to_le_bytes()),
        changed(4, &[1]),
        changed(12, &[1]),
        changed(32, &[9; 32]),
        Frame { offset: 512, ..Frame::group(&[data(0)]) },
        Frame { length: 1, ..Frame::group(&[data(0)]) },
        Frame { codec: 1, ..Frame::group(&[data(0)]) },
        Frame { codec: 2, ..Frame::group(&[data(0)]) },
        Frame { flags: 1, ..Frame::group(&[data(0)]) },
        Frame { digest: [0; 32], ..Frame::group(&[data(0)]) },
        Frame { stored: vec![0; 7], ..Frame::group(&[data(0)]) },
    ] {
        refused_frames(&format!("{frame:?}"), &header, std::slice::from_ref(&frame));
    }
    // As many records as fit, of which each is sound.
    let many: Vec<_> = (0..18_000).map(|number| zero(number * 512, 512)).collect();
    let full = Header { base: None, base_origin: Vec::new(), ..Header::of_size(18_000 * 512) };
    Place::new(&stream(&full, &[Frame::group(&many)])).fed("lvpatch", &["--verify"]).expect(0);
}

#[test]
fn trailers_that_cannot_be() {
    let (header, frames) = sound();
    let ends = |tail: Tail| stream_that_ends(&header.to_bytes(), &frames, &tail);
    let length = stream(&header, &frames).len() as u64 - 248;
    let place = Place::new(&ends(Tail { length: Some(length), roots: 3, ..Tail::default() }));
    place.fed("lvpatch", &["--verify"]).expect(0);
    let root = [[7; 32], [0; 32]];
    for tail in [
        Tail { length: Some(0), ..Tail::default() },
        Tail { length: Some(length - 1), ..Tail::default() },
        Tail { length: Some(u64::MAX), ..Tail::default() },
        Tail { index: length, ..Tail::default() },
        Tail { index: u64::MAX, ..Tail::default() },
        Tail { roots: 4, ..Tail::default() },
        Tail { roots: u64::MAX, ..Tail::default() },
        Tail { roots: 0, root, ..Tail::default() },
        Tail { roots: 2, root, ..Tail::default() },
    ] {
        refused(&format!("{tail:?}"), &ends(tail.clone()));
    }
    // The root of no base, and another one than at the beginning.
    let full = Header { base: None, base_origin: Vec::new(), ..header.clone() };
    let tail = Tail { roots: 1, root, ..Tail::default() };
    refused("a root of no base", &stream_that_ends(&full.to_bytes(), &frames, &tail));
    let whole = Header { detect_level: 3, ..header.clone() };
    let mut frames = frames.clone();
    frames.insert(0, Frame::new(b"ROOT", 0, 0, &[8; 32]));
    refused("two roots of the base", &stream_that_ends(&whole.to_bytes(), &frames, &tail));
}

#[test]
fn an_index_leads_nowhere_that_matters() {
    // A reader that goes front to back passes it over, whatever it says; --info does not follow it.
    let (header, mut frames) = sound();
    for content in [vec![], vec![0xff; 32], vec![0; 31], vec![0xff; 1 << 20]] {
        frames.truncate(1);
        frames.push(Frame { flags: 1, ..Frame::new(b"INDX", 0, 0, &content) });
        for index in [0, 1, 15, 16, 100] {
            let tail = Tail { index, ..Tail::default() };
            let place = Place::new(&stream_that_ends(&header.to_bytes(), &frames, &tail));
            place.fed("lvpatch", &["--verify"]).expect(0);
            place.fed("lvpatch", &["--info", "stream", "stream"]).expect(3);
            place.fed("lvpatch", &["--device", "image"]).expect(0);
        }
    }
    frames[1].flags = 0;
    refused("an index that must be known", &stream(&header, &frames));
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
    place.fed("lvpatch", &["--verify"]).expect(0);
    let before = place.content();
    for arguments in
        [&["--device", "image"][..], &["--device", "image", "-i", "stream"], &["--device", "new"]]
    {
        let ended = place.fed("lvpatch", arguments);
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert!(ended.stderr.contains("is the rest of a stream"), "{}", ended.stderr);
    }
    let ended = place.end("lvdiff", &["--merge", "stream", "stream"]);
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
