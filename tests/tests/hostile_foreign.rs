//! Streams of other tools from somebody who means harm: checksums are right, what they say is not. No
//! kernel, no LVM, no root.

mod refusal;
mod watched;

use std::fs::File;
use std::path::Path;

use refusal::{Place, SIZE, refused};

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
            refused(&format!("lvbackup, {size} {block_size} {blocks}"), &stream);
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
        refused(&format!("a virtualSize of {size}"), &meta(size, "512", ""));
        refused(&format!("a dataSize of {size}"), &meta("1048576", size, ""));
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
        ("data after the end", [meta("1048576", "512", ""), frame("data", 1 << 20, 512)].concat()),
        ("more data than announced", [meta("1048576", "512", ""), frame("data", 0, 1024)].concat()),
        (
            "zeros of 2^64",
            [meta("1048576", "512", ""), frame("zero", 512, u64::MAX - 511)].concat(),
        ),
    ] {
        refused(what, &stream);
    }
}

#[test]
fn what_stands_behind_a_stream_of_virtnbdbackup() {
    let whole = |name: &str, date: &str| {
        let meta = format!(
            "{{\"virtualSize\": 1048576, \"dataSize\": 512, \"incremental\": false, \
             \"diskName\": \"{name}\", \"date\": \"{date}\"}}"
        );
        let data = [frame("data", 0, 512), vec![1; 512], b"\r\n".into()].concat();
        [virtnbdbackup(&meta), data, frame("stop", 0, 0)].concat()
    };
    let first = whole("sda", "");
    for (what, next) in [
        ("zeros", vec![0; 100]),
        ("the beginning of another one", b"meta 0000000000000000 00".to_vec()),
        ("one of 2^63", frame("meta", 0, 1 << 63)),
        ("one without a disk's size", virtnbdbackup("{}")),
        ("an escape", b"meta \x1b[2J".to_vec()),
        ("lvbackup's", lvbackup(1, SIZE, 65536, 0)),
    ] {
        refused(&format!("after a stream: {what}"), &[&first[..], &next].concat());
    }
    // Dates are shown, so what a terminal would obey is no date.
    for date in [
        "\\u001b[2J",
        "2026-11-25T22:34:00\\u001b[2J",
        "2026-11-25T22:34:00.\\u202e1",
        "\\ud83d\\ude00",
    ] {
        let place = Place::new(&whole("sda", date));
        for arguments in [&["--info"][..], &["--info", "--json"], &["--info", "stream", "stream"]] {
            let ended = place.fed("lvpatch", arguments);
            assert_eq!(ended.code, 0, "{}", ended.stderr);
            refusal::is_harmless(date, &ended.stdout);
            refusal::is_harmless(date, ended.stderr.as_bytes());
        }
        let ended = place.fed("lvpatch", &["--device", "new", "--until", "2099-01-01T00:00:00"]);
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        refusal::is_harmless(date, ended.stderr.as_bytes());
    }
}

#[test]
fn a_folder_of_virtnbdbackup_may_hold_anything() {
    use nix::sys::stat::Mode;
    let meta = |disk: &str, checkpoint: &str, parent: &str| {
        let is_incremental = !parent.is_empty();
        let json = format!(
            "{{\"virtualSize\": 1048576, \"dataSize\": 0, \"incremental\": {is_incremental}, \
             \"diskName\": \"{disk}\", \"checkpointName\": \"{checkpoint}\", \
             \"parentCheckpoint\": \"{parent}\"}}"
        );
        [virtnbdbackup(&json), frame("stop", 0, 0)].concat()
    };
    let place = Place::new(b"");
    let folder = place.path("backup");
    std::fs::create_dir(&folder).unwrap();
    let write = |name: &str, bytes: Vec<u8>| std::fs::write(folder.join(name), bytes).unwrap();
    nix::unistd::mkfifo(&folder.join("fifo.data"), Mode::S_IRWXU).unwrap();
    std::fs::create_dir(folder.join("folder.data")).unwrap();
    std::os::unix::fs::symlink("circle.data", folder.join("circle.data")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.join("zero.data")).unwrap();
    write("\u{1b}[2J.data", vec![0; 100]);
    write("a.full.data", meta("a", "c.0", ""));
    let run = |code: i32, arguments: &[&str]| {
        let ended = place.end("lvpatch", arguments);
        assert_eq!(ended.code, code, "{arguments:?}: {}", ended.stderr);
        refusal::is_harmless("a folder", &ended.stdout);
        refusal::is_harmless("a folder", ended.stderr.as_bytes());
    };
    run(0, &["--info", "backup"]);
    run(0, &["--verify", "-i", "backup"]);
    // Streams that go in a circle, and one that follows itself.
    write("a.inc.1.data", meta("a", "c.0", "c.0"));
    write("a.inc.2.data", meta("a", "c.2", "c.3"));
    write("a.inc.3.data", meta("a", "c.3", "c.2"));
    run(0, &["--info", "backup"]);
    run(3, &["--verify", "-i", "backup"]);
    // A name that a terminal would obey, or none.
    write("b.full.data", meta("\\u009b2J", "c.0", ""));
    run(4, &["--verify", "-i", "backup"]);
    write("b.full.data", meta("\\u202eb", "c.0", ""));
    run(2, &["--verify", "-i", "backup"]);
    run(2, &["--verify", "-i", "backup", "--disk", "\u{202e}x"]);
    run(0, &["--info", "backup"]);
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
    refused("512 MiB in a frame", &[virtnbdbackup(&meta), frame("data", 0, size), bomb].concat());
}

#[test]
fn sizes_at_the_end_take_little_memory() {
    let meta = "{\"virtualSize\": 1048576, \"dataSize\": 0, \"incremental\": false, \"diskName\": \"sda\", \"compressed\": true}";
    let sizes = format!("[{}0]", "0,".repeat(30 << 20));
    let tail = format!("\r\ncomp {:016x} {:016x}\r\n", 0, sizes.len());
    let stream =
        [virtnbdbackup(meta), frame("stop", 0, 0), sizes.into_bytes(), tail.into_bytes()].concat();
    refused("numbers for blocks that never came", &stream);
}

fn fixture(name: &str) -> Vec<u8> {
    use std::io::Read;
    let path = format!("../crates/foreign/tests/fixtures/{name}.zst");
    let file = File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let mut bytes = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(file).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}
