//! How much memory the programs take where a few bytes ask for a lot of it: each is stopped at a limit of its own.

use std::io::Write;

use system_tests::forge::{Frame, Header, stream, stream_with};

use super::foreign::FIRST_VERSION;
use super::sound;
use super::virtnbdbackup::{frame, virtnbdbackup};
use crate::library::alone;
use crate::refusal::{Place, SIZE, refused_by_programs};

#[test]
fn a_million_pairs() {
    let building = alone();
    let (mut header, frames) = sound();
    header.pairs = vec![(b"k".into(), Vec::new()); 1_000_000];
    // A frame of 17 MB.
    let stream_of_many = stream(&header, &frames);
    drop(building);
    refused_by_programs("a million pairs", &stream_of_many);
    // As many as there is room for, and they are sound.
    let rest = (1 << 20) - 100 - Header::of_size(SIZE).to_bytes().len();
    header.pairs.truncate(rest / 17);
    let place = Place::new(&stream(&header, &frames));
    for (program, words) in [
        ("lvpatch", &["--verify"][..]),
        ("lvpatch", &["--device", "image"]),
        ("lvpatch", &["--device", "image", "-i", "stream"]),
        ("lvpatch", &["--info"]),
        ("lvpatch", &["--info", "--json"]),
        ("lvpatch", &["--info", "--json", "stream"]),
        ("lvdiff", &["--merge", "stream", "-o", "merged"]),
    ] {
        place.start(program, words).expect(0);
    }
}

#[test]
fn lengths_that_nothing_is_behind() {
    let (header, frames) = sound();
    let claims = Frame { stored_size: Some(u32::MAX), ..Frame::data(0, &[1; 512]) };
    refused_by_programs("a frame of 4 GiB", &stream(&header, &[claims]));
    let mut bytes = header.to_bytes();
    bytes[..8].copy_from_slice(&u64::to_le_bytes(1 << 32));
    refused_by_programs("a name of 4 GiB", &stream_with(&bytes, &frames));
    refused_by_programs("meta of 2^63", &frame("meta", 0, 1 << 63));
}

#[test]
fn a_compressed_record_that_expands() {
    let building = alone();
    let bomb = zstd::bulk::compress(&vec![0; 512 << 20], 3).unwrap();
    drop(building);
    let (header, _) = sound();
    let frames = [Frame::packed(0, 1 << 20, &bomb[..bomb.len().min(1 << 20)])];
    refused_by_programs("512 MiB in a record", &stream(&header, &frames));
}

#[test]
fn an_lz4_frame_that_expands() {
    let size = 1_u64 << 30;
    let meta = format!(
        "{{\"virtualSize\": {size}, \"dataSize\": {size}, \"incremental\": false, \"diskName\": \"sda\", \"compressed\": true}}"
    );
    let building = alone();
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(&vec![0; 512 << 20]).unwrap();
    let bomb = encoder.finish().unwrap();
    drop(building);
    let stream = [virtnbdbackup(&meta), frame("data", 0, size), bomb].concat();
    refused_by_programs("512 MiB in a frame", &stream);
}

#[test]
fn sizes_at_the_end() {
    let meta = "{\"virtualSize\": 1048576, \"dataSize\": 0, \"incremental\": false, \"diskName\": \"sda\", \"compressed\": true}";
    let building = alone();
    let sizes = format!("[{}0]", "0,".repeat(30 << 20));
    let tail = format!("\r\ncomp {:016x} {:016x}\r\n", 0, sizes.len());
    let stream =
        [virtnbdbackup(meta), frame("stop", 0, 0), sizes.into_bytes(), tail.into_bytes()].concat();
    drop(building);
    refused_by_programs("numbers for blocks that never came", &stream);
}

#[test]
fn a_header_of_nothing_but_short_lines() {
    let lines = b":\n".repeat((1 << 20) - 500);
    let place = Place::new(&[FIRST_VERSION, &lines, b"\n"].concat());
    for (program, words) in [
        ("lvpatch", &["--info"][..]),
        ("lvpatch", &["--info", "--json"]),
        ("lvpatch", &["--verify"]),
        ("lvdiff", &["--convert", "-i", "stream", "a", "b", "-o", "converted"]),
    ] {
        let ended = place.start(program, words);
        assert_eq!(ended.code, place.run(program, words).code, "{}", ended.stderr);
        assert!([0, 4].contains(&ended.code), "{}", ended.stderr);
    }
}
