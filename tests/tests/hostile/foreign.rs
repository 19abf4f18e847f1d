//! Streams of other tools that cannot be; checksums are right.

use std::fs::File;
use std::path::Path;

use crate::refusal::{Place, SIZE, refused};

/// The beginning of a header of HYPERLAYER/1.0.
pub(super) const FIRST_VERSION: &[u8] =
    b"HYPERLAYER/1.0\nName: x\nVolume size: 1048576\nChunk size: 65536\nDelta blocks: 0\n";

fn be(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

#[test]
fn streams_of_thin_send() {
    let whole = fixture("thin_send-1.1-incremental.stream");
    // Each command is a magic number, an offset, a length and a number of its own; the first one is
    // the begin command. After its 28 bytes and what it carries stands that of a range.
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
            refused(&format!("thin_send, {number:#x} at {place}"), &stream);
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
        refused(&format!("lvmsync, {length} at {offset}"), &stream);
    }
    refused("lvmsync, a line without an end", &[&b"lvmsync PROTO["[..], &[b'3'; 1 << 20]].concat());
    refused("lvmsync, an escape", b"lvmsync PROTO[\x1b[2J]\n");
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
            refused(&format!("{key}: {wanted}"), &number(key, wanted));
        }
    }
    for name in ["\u{1b}[2J", "\"\\x1b[2J\"", "\"\\n\"", "''", &"x".repeat(300)] {
        refused(&format!("the name {name:?}"), &number("Name", name));
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
        refused(&format!("the block {block:?}"), &stream);
    }
    refused("a line without an end", &[&head("a: b")[..], &vec![b'x'; 4 << 20]].concat());
    refused(
        "a header without an end",
        &[&b"HYPERLAYER/1.0\n"[..], &b"a: b\n".repeat(1 << 20)].concat(),
    );
}

#[test]
fn a_header_of_nothing_but_short_lines_takes_little_memory() {
    // HYPERLAYER/1.0 has no limit of its own. Each line costs more memory than it has bytes.
    for line in [&b":\n"[..], b"a:\n", b"a:b\n"] {
        // As many as there may be room for, however they are counted, and twice as many.
        for (room, more) in
            [((1 << 20) - 500, 0), ((1 << 20) - 500, 1), ((1 << 20) - 500, 17), (2 << 20, 0)]
        {
            let lines = line.repeat(room / (line.len() - 1 + more));
            let place = Place::new(&[FIRST_VERSION, &lines, b"\n"].concat());
            for arguments in [&["--info"][..], &["--info", "--json"], &["--verify"]] {
                let ended = place.run("lvpatch", arguments);
                assert!([0, 4].contains(&ended.code), "{}", ended.stderr);
                assert!(ended.code == 0 || more < 17, "{}", ended.stderr);
            }
            let ended =
                place.run("lvdiff", &["--convert", "-i", "stream", "a", "b", "-o", "converted"]);
            assert!([0, 4].contains(&ended.code), "{}", ended.stderr);
        }
    }
}

/// A header of lvbackup's, with its MD5.
pub(super) fn lvbackup(kind: u8, size: u64, block_size: u32, blocks: u64) -> Vec<u8> {
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
            refused(&format!("lvbackup, {size} {block_size} {blocks}"), &stream);
        }
    }
}

fn fixture(name: &str) -> Vec<u8> {
    use std::io::Read;
    let path = format!("../crates/foreign/tests/fixtures/{name}.zst");
    let file = File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let mut bytes = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(file).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}
