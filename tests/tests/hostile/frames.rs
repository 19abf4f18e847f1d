//! Frames, groups of records and trailers that cannot be.

use std::fs::{self, File};

use system_tests::forge::{Frame, Header, Tail, stream, stream_that_ends};

use super::sound;
use crate::library::alone;
use crate::refusal::{Place, SIZE, refused};

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
            let ended = place.run("lvpatch", &[&arguments[..], input].concat());
            assert_eq!(ended.code, 4, "{what}: {arguments:?} {input:?}: {}", ended.stderr);
            assert!(place.content() == before, "{what}: {arguments:?}: something was touched");
        }
    }
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
    let building = alone();
    let bomb = zstd::bulk::compress(&vec![0; 512 << 20], 3).unwrap();
    let level = zstd::bulk::compress(&vec![0; 1 << 20], 3).unwrap();
    drop(building);
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
    place.run("lvpatch", &["--verify"]).expect(0);
    place.run("lvpatch", &["--device", "image"]).expect(0);

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
    Place::new(&stream(&full, &[Frame::group(&many)])).run("lvpatch", &["--verify"]).expect(0);
}

#[test]
fn trailers_that_cannot_be() {
    let (header, frames) = sound();
    let ends = |tail: Tail| stream_that_ends(&header.to_bytes(), &frames, &tail);
    let length = stream(&header, &frames).len() as u64 - 248;
    let place = Place::new(&ends(Tail { length: Some(length), roots: 3, ..Tail::default() }));
    place.run("lvpatch", &["--verify"]).expect(0);
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
            place.run("lvpatch", &["--verify"]).expect(0);
            place.run("lvpatch", &["--info", "stream", "stream"]).expect(3);
            place.run("lvpatch", &["--device", "image"]).expect(0);
        }
    }
    frames[1].flags = 0;
    refused("an index that must be known", &stream(&header, &frames));
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
    place.run("lvpatch", &["--verify"]).expect(0);
    place.run("lvpatch", &["--info"]).expect(0);
    place.run("lvpatch", &["--info", "stream"]).expect(0);
    place.run("lvdiff", &["--merge", "stream", "-o", "merged"]).expect(0);
    let merged = place.run("lvpatch", &["--verify", "-i", "merged"]);
    merged.expect(0);
    fs::remove_file(place.path("merged")).unwrap();
    let before = place.content();
    // No file system here holds such a file. Where one does, it is a hole.
    let ended = place.run("lvpatch", &["--device", "new"]);
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
    let ended = place.run("lvpatch", &["--device", "new"]);
    assert!([0, 1].contains(&ended.code), "{}", ended.stderr);
    if ended.code == 0 {
        assert_eq!(File::open(place.path("new")).unwrap().metadata().unwrap().len(), size);
        fs::remove_file(place.path("new")).unwrap();
    }
}
