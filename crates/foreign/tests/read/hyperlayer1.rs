//! HYPERLAYER/1.0.

use super::*;

const HEADER: &str = "HYPERLAYER/1.0\nName: new\nVolume size: 1048576\nChunk size: 512\n\
    Delta blocks: 2\nVolumeUUID: u-2\nDetect level: 1\nBacking volumeUUID: u-1\nAuthor: me\n\n";

fn stream(header: &str, middle: &str, blocks: &[&str]) -> Vec<u8> {
    let mut stream = format!("{header}{middle}").into_bytes();
    for (number, line) in blocks.iter().enumerate() {
        stream.extend(format!("{line}\n").bytes());
        stream.extend([number as u8 + 1; 512]);
        stream.push(b'\n');
    }
    stream
}

const CHECK: &str = "D 0 80 CRC32 ae89dc8\n\n";

#[test]
fn the_original_lvdiffs_streams_are_read() {
    for level in 0..=3 {
        let stream = fixture(&format!("hyperlayer-1.0-d{level}.diff"));
        let begun = Unfinished::begin(stream.as_slice()).unwrap();
        let decoder = begun.complete(&Missing::default()).unwrap();
        let header = decoder.header();
        assert_eq!(header.target.name, "new");
        assert_eq!(header.target.uuid, "oklnYd-csbs-fF5B-UjTK-gKwW-qZdc-xX97it");
        let base = header.base.as_ref().unwrap();
        assert_eq!(base.uuid, "mCfjhG-GQVi-U6vB-4FGP-qY3e-aMFr-cbr8jE");
        assert_eq!((header.target.size, header.chunk_size), (64 * MIB, 65536));
        assert_eq!(u32::from(header.detect_level), level);
        assert_eq!(header.changed_bytes, 11 * 65536);
        assert_eq!(header.pairs[1], ("Message".into(), "hello world".into()));
        assert_eq!(decoder.base_checksums().len(), [0, 1, 7, 7][level as usize]);
        assert_eq!(decoder.foreign().unwrap().lacks, ["no checksums"]);
        let seen = read(&stream, 0).unwrap();
        assert_eq!(seen.len(), 11);
        assert_eq!(seen.iter().filter(|seen| seen.0 == 'z').count(), 4);
    }
}

#[test]
fn variants() {
    let seen = [('d', 512, 512, 1), ('d', 0xa00, 512, 2)];
    let blocks = ["W 1 1", "W 5 1"];
    assert_eq!(read(&stream(HEADER, CHECK, &blocks), 0).unwrap(), seen);
    assert_eq!(read(&stream(HEADER, "", &blocks), 0).unwrap(), seen, "no checks at level 1");
    let old = "HYPERLAYER/1.0\nName: \"it's\"\n\n";
    assert_eq!(read(&stream(old, "", &["1 1", "5 1"]), MIB).unwrap(), seen);
    let old = stream(old, "", &[]);
    let decoder = Unfinished::begin(old.as_slice()).unwrap();
    assert_eq!(decoder.header().target.name, "it's");
    assert!(!decoder.foreign().unwrap().has_end());
}

#[test]
fn a_users_line_does_not_replace_a_field() {
    let header = HEADER.replace("Author: me", "Name: other\nVolume size: 512");
    let stream = stream(&header, CHECK, &["W 1 1", "W 5 1"]);
    let decoder = Unfinished::begin(stream.as_slice()).unwrap();
    assert_eq!((&*decoder.header().target.name, decoder.header().target.size), ("new", MIB));
    assert_eq!(decoder.header().pairs[0], ("Name".into(), "other".into()));
}

#[test]
fn cuts() {
    let stream = stream(HEADER, CHECK, &["W 1 1", "W 5 1"]);
    every_cut_but(&stream, &[]);
}

#[test]
fn flaws() {
    let with = |middle: &str, blocks: &[&str]| stream(HEADER, middle, blocks);
    damaged(&with(CHECK, &["W 1 1", "W 5 1", "W 7 1"]), "more blocks");
    damaged(&with(CHECK, &["W 800 1", "W 5 1"]), "after the volume's end");
    damaged(&with(CHECK, &["W 7FFFFFFFFFFFFF 1"]), "offset");
    damaged(&with(CHECK, &["W FFFFFFFFFFFFFFFF 1"]), "a block begins with");
    damaged(&with(CHECK, &["W 1 0"]), "whole sectors");
    damaged(&with(CHECK, &["W 1 FFFFFFFFFF"]), "after the volume's end");
    damaged(&with(CHECK, &["W 1 1", "5 1"]), "a block begins with");
    damaged(&with(CHECK, &["W 1 +1"]), "a block begins with");
    damaged(&with(CHECK, &["W 1 1 1"]), "a block begins with");
    damaged(&with(CHECK, &[&"W".repeat(200)]), "in a line");
    damaged(&with("D 0 80 MD5 ae89dc8\n\n", &[]), "a base check is");
    damaged(&with("D 0 80 CRC32 1ae89dc8f\n\n", &[]), "a base check is");
    damaged(&with("D 7FF 2 CRC32 1\n\n", &[]), "outside the volume");
    let mut no_line_feed = with(CHECK, &["W 1 1", "W 5 1"]);
    *no_line_feed.last_mut().unwrap() = b'x';
    damaged(&no_line_feed, "no line feed");
    damaged(&stream(&HEADER.replace("Name: new", "no colon"), "", &[]), "no colon");
    damaged(&stream(&HEADER.replace("level: 1", "level: 4"), "", &[]), "Detect level");
    damaged(&stream(&HEADER.replace("size: 512", "size: x"), "", &[]), "Chunk size");
    let huge = "18446744073709551615";
    damaged(&stream(&HEADER.replace("blocks: 2", &format!("blocks: {huge}")), "", &[]), "blocks");
    damaged(&stream(&HEADER.replace("1048576", huge), "", &[]), "size");
}
