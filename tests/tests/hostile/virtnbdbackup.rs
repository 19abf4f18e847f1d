//! Streams of virtnbdbackup that cannot be, and folders with anything in them.

use super::foreign::lvbackup;
use crate::refusal::{Place, SIZE, is_harmless, refused};

pub(super) fn frame(kind: &str, start: u64, length: u64) -> Vec<u8> {
    format!("{kind} {start:016x} {length:016x}\r\n").into_bytes()
}

pub(super) fn virtnbdbackup(meta: &str) -> Vec<u8> {
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
        (
            "more data than announced",
            [
                meta("1048576", "512", ""),
                frame("data", 0, 1024),
                vec![1; 1024],
                b"\r\n".into(),
                frame("stop", 0, 0),
            ]
            .concat(),
        ),
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
            let ended = place.start("lvpatch", arguments);
            assert_eq!(ended.code, 0, "{}", ended.stderr);
            is_harmless(date, &ended.stdout);
            is_harmless(date, ended.stderr.as_bytes());
        }
        let ended = place.start("lvpatch", &["--device", "new", "--until", "2099-01-01T00:00:00"]);
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        is_harmless(date, ended.stderr.as_bytes());
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
        let ended = place.run("lvpatch", arguments);
        assert_eq!(ended.code, code, "{arguments:?}: {}", ended.stderr);
        if arguments[0] == "--info" {
            let ended = place.start("lvpatch", arguments);
            assert_eq!(ended.code, code, "{arguments:?}: {}", ended.stderr);
            is_harmless("a folder", &ended.stdout);
            is_harmless("a folder", ended.stderr.as_bytes());
        }
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
