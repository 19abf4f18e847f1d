//! lvpatch applies streams of other tools: real ones, to what they were made of. No kernel, no LVM, no
//! root.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use md5::{Digest, Md5};
use system_tests::programs;

fn unpacked(path: &str) -> Vec<u8> {
    let file = File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let mut bytes = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(file).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

fn image(name: &str) -> Vec<u8> {
    unpacked(&format!("fixtures/{name}.img.zst"))
}

fn stream(name: &str) -> Vec<u8> {
    unpacked(&format!("../crates/foreign/tests/fixtures/{name}.zst"))
}

const THIN: [&str; 5] = [
    "hyperlayer-1.0-d0.diff",
    "hyperlayer-1.0-d1.diff",
    "hyperlayer-1.0-d2.diff",
    "hyperlayer-1.0-d3.diff",
    "thin_send-1.1-incremental.stream",
];

/// A folder with an image and a stream.
struct Place(tempfile::TempDir);

impl Place {
    fn new(image: Option<&[u8]>, stream: &[u8]) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        if let Some(image) = image {
            fs::write(place.path("image"), image).unwrap();
        }
        fs::write(place.path("stream"), stream).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn image(&self) -> Vec<u8> {
        fs::read(self.path("image")).unwrap()
    }

    fn lvpatch(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(programs::dir().unwrap().join("lvpatch"));
        let input = File::open(self.path("stream")).unwrap();
        command.current_dir(self.0.path()).args(arguments).stdin(input).output().unwrap()
    }

    /// From a pipe: nothing can be read twice.
    fn piped(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(programs::dir().unwrap().join("lvpatch"));
        let mut cat =
            Command::new("cat").arg(self.path("stream")).stdout(Stdio::piped()).spawn().unwrap();
        let input = cat.stdout.take().unwrap();
        let output =
            command.current_dir(self.0.path()).args(arguments).stdin(input).output().unwrap();
        _ = cat.wait();
        output
    }
}

fn expect(output: &Output, code: i32) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    stderr
}

#[test]
fn real_streams_make_of_the_base_what_they_were_made_of() {
    let (base, new) = (image("base"), image("new"));
    for name in THIN {
        let place = Place::new(Some(&base), &stream(name));
        let stderr = expect(&place.lvpatch(&["--device", "image"]), 0);
        assert!(stderr.contains("no checksums"), "{stderr}");
        assert!(place.image() == new, "{name}");

        let place = Place::new(Some(&base), &stream(name));
        expect(&place.piped(&["--device", "image"]), 0);
        assert!(place.image() == new, "{name}");
    }
    let (base, new) = (image("thick-base"), image("thick-new"));
    let (there, back) = (stream("lvmsync-3-thick.stream"), stream("lvmsync-3-snapback.stream"));
    let place = Place::new(Some(&base), &there);
    let stderr = expect(&place.lvpatch(&["--device", "image"]), 0);
    assert!(stderr.contains("the stream's end cannot be verified"), "{stderr}");
    assert!(place.image() == new);
    fs::write(place.path("stream"), back).unwrap();
    expect(&place.lvpatch(&["--device", "image"]), 0);
    assert!(place.image() == base);
}

#[test]
fn a_full_stream_needs_the_size_of_its_volume() {
    let (new, full) = (image("new"), stream("thin_send-1.1-full.stream"));
    let place = Place::new(None, &full);
    let stderr = expect(&place.lvpatch(&["--device", "image"]), 2);
    assert!(stderr.contains("--size"), "{stderr}");
    assert!(!place.path("image").exists());
    expect(&place.lvpatch(&["--device", "image", "--size", "64M"]), 0);
    assert!(place.image() == new);

    let empty = Place::new(Some(&[]), &full);
    File::options().write(true).open(empty.path("image")).unwrap().set_len(64 << 20).unwrap();
    expect(&empty.lvpatch(&["--device", "image"]), 0);
    assert!(empty.image() == new);
}

#[test]
fn the_full_stream_and_others_follow_one_another() {
    let place = Place::new(None, &[]);
    fs::write(place.path("one"), stream("thin_send-1.1-full.stream")).unwrap();
    fs::write(place.path("two"), stream("thin_send-1.1-incremental.stream")).unwrap();
    let arguments = ["--device", "image", "--size", "64M", "-i", "one", "-i", "two"];
    expect(&place.lvpatch(&arguments), 0);
    assert!(place.image() == image("new"));
}

#[test]
fn a_wrong_base_is_refused_by_its_checksums() {
    let base = image("base");
    for (level, places) in [(1, &[0][..]), (2, &[0, 10 * 65536, 1022 * 65536])] {
        for place in places {
            let mut wrong = base.clone();
            wrong[*place] ^= 1;
            let place = Place::new(Some(&wrong), &stream(THIN[level]));
            let stderr = expect(&place.lvpatch(&["--device", "image"]), 3);
            assert!(stderr.contains("CRC-32"), "{stderr}");
            assert!(place.image() == wrong);
            expect(&place.lvpatch(&["--device", "image", "--check"]), 3);
            expect(&place.lvpatch(&["--device", "image", "--no-base-check"]), 0);
        }
    }
    let mut wrong = base.clone();
    wrong[1023 * 65536] ^= 1;
    let place = Place::new(Some(&wrong), &stream(THIN[3]));
    expect(&place.lvpatch(&["--device", "image"]), 3);
    let place = Place::new(Some(&base), &stream(THIN[3]));
    expect(&place.lvpatch(&["--device", "image", "--check"]), 0);
    assert!(place.image() == base);
}

#[test]
fn a_base_of_another_size_is_refused() {
    let base = image("base");
    let smaller = &base[..base.len() / 2];
    // HYPERLAYER/1.0 says the size; the others write after the end.
    for (name, code) in THIN.map(|name| (name, if name.starts_with("hyper") { 3 } else { 4 })) {
        let place = Place::new(Some(smaller), &stream(name));
        expect(&place.lvpatch(&["--device", "image"]), code);
        assert!(place.image() == smaller, "{name}");
    }
    let larger = [&base[..], &[1; 4096]].concat();
    let place = Place::new(Some(&larger), &stream(THIN[4]));
    expect(&place.lvpatch(&["--device", "image", "--size", "64M"]), 3);
    assert!(place.image() == larger);
}

#[test]
fn a_cut_in_a_file_changes_nothing() {
    let base = image("base");
    for name in THIN {
        let stream = stream(name);
        for length in [stream.len() - 1, stream.len() - 65538, 200_000, 20] {
            let place = Place::new(Some(&base), &stream[..length]);
            let stderr = expect(&place.lvpatch(&["--device", "image"]), 4);
            assert!(stderr.contains("cut"), "{name} {length}: {stderr}");
            assert!(place.image() == base, "{name} {length}");
        }
    }
}

#[test]
fn strict_refuses_what_cannot_promise_everything() {
    let base = image("base");
    for name in THIN.into_iter().chain(["lvmsync-3-thick.stream"]) {
        let place = Place::new(Some(&base), &stream(name));
        let stderr = expect(&place.lvpatch(&["--device", "image", "--strict"]), 4);
        assert!(stderr.contains("--strict"), "{stderr}");
        expect(&place.lvpatch(&["--verify", "--strict"]), 4);
        expect(&place.lvpatch(&["--info", "--strict"]), 4);
        assert!(place.image() == base);
    }
}

#[test]
fn verify_and_info_say_what_is_known() {
    for name in THIN.into_iter().chain(["lvmsync-3-thick.stream"]) {
        let place = Place::new(None, &stream(name));
        let verified = place.lvpatch(&["--verify"]);
        expect(&verified, 0);
        let text = String::from_utf8(verified.stdout).unwrap();
        assert_eq!(text.contains("cannot be verified"), name.starts_with("lvm"), "{text}");
        for arguments in [&["--info", "--json"][..], &["--info", "--json", "stream"]] {
            let info = place.lvpatch(arguments);
            let stderr = expect(&info, 0);
            assert_eq!(stderr.lines().count(), 1, "{stderr}");
            let text = String::from_utf8(info.stdout).unwrap();
            assert!(text.contains("\"lacks\""), "{text}");
            assert_eq!(text.contains("\"name\": \"new\""), name.starts_with("hyper"), "{text}");
        }
    }
    let place = Place::new(None, &stream(THIN[2]));
    let text = String::from_utf8(place.lvpatch(&["--info"]).stdout).unwrap();
    for line in ["Format:       HYPERLAYER/1.0", "Base CRC-32:  0 65536 ae89dc8"] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn a_size_is_refused_where_the_stream_says_it() {
    let base = image("base");
    for name in THIN {
        let place = Place::new(Some(&base), &stream(name));
        let says = name.starts_with("hyper");
        let output = place.lvpatch(&["--device", "image", "--size", "64M"]);
        let stderr = expect(&output, if says { 2 } else { 0 });
        assert_eq!(stderr.contains("leave out --size"), says, "{stderr}");
        assert_eq!(place.image() == base, says, "{name}");
    }
}

#[test]
fn several_streams_of_all_kinds_are_a_table() {
    let place = Place::new(None, &[]);
    let lvbackup = lvbackup_chain();
    for (file, bytes) in [
        ("v1", stream("hyperlayer-1.0-d2.diff")),
        ("sync", stream("lvmsync-3-thick.stream")),
        ("chain", lvbackup.clone()),
    ] {
        fs::write(place.path(file), bytes).unwrap();
    }
    expect(
        &Command::new(programs::dir().unwrap().join("lvdiff"))
            .current_dir(place.0.path())
            .args(["--convert", "-i", "v1", "-o", "ours", "mon", "tue"])
            .output()
            .unwrap(),
        0,
    );
    let output = place.lvpatch(&["--info", "ours", "v1", "sync", "chain"]);
    // ours leads elsewhere than v1 starts from.
    let stderr = expect(&output, 3);
    assert_eq!(stderr.lines().count(), 3, "{stderr}");
    let text = String::from_utf8(output.stdout).unwrap();
    fn cells_of(text: &str, file: &str) -> Vec<String> {
        let line = text.lines().find(|line| line.starts_with(&format!("{file} "))).unwrap();
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(Into::into).collect()
    }
    let cells = |file: &str| cells_of(&text, file);
    assert_eq!(cells("ours")[1..3], ["mon", "new"], "{text}");
    // The only name that its base has, so not left out; in full it makes a row too wide.
    let base = "mCfjhG-GQVi-U6vB-4FGP-qY3e-aMFr-cbr8jE";
    let wide = place.lvpatch(&["--info", "-v", "ours", "v1", "sync", "chain"]);
    let wide = String::from_utf8(wide.stdout).unwrap();
    assert!(wide.lines().any(|line| line.starts_with("v1 ") && line.contains(base)), "{wide}");
    for (file, size, changed, format) in [
        ("ours", "64.0 MiB", "704.0 KiB", "HYPERLAYER/2.0"),
        ("v1", "64.0 MiB", "704.0 KiB", "HYPERLAYER/1.0"),
        ("sync", "?", "?", "lvmsync PROTO[3]"),
    ] {
        let row = cells_of(&wide, file);
        assert_eq!([&row[5], &row[6], &row[8]], [size, changed, format], "{wide}");
    }
    assert_eq!(cells("v1")[1..], ["mCfjhG...", "new", "?", "?"], "{text}");
    assert_eq!(cells("sync")[1..], ["?", "?", "?", "?"], "{text}");
    assert_eq!(cells("chain, stream 1")[1..3], ["- (full)", "u-1"], "{text}");
    assert_eq!(cells("chain, stream 2")[1..3], ["u-1", "u-2"], "{text}");
    let rows = text.lines().filter(|line| !line.starts_with("--"));
    assert!(rows.clone().all(|row| row.len() <= 80), "{text}");
    assert!(text.contains("-- the chain breaks here: it does not say what its base is"), "{text}");
    assert!(!text.contains("breaks here: stream"), "{text}");

    let output = place.lvpatch(&["--info", "--json", "chain", "sync"]);
    expect(&output, 0);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let json = &json["streams"];
    let streams: Vec<_> = json.as_array().unwrap().iter().map(|one| &one["stream"]).collect();
    assert_eq!(streams, ["chain, stream 1", "chain, stream 2", "sync"]);
    assert!(json[1]["breaks"].is_null() && json[2]["breaks"].is_string(), "{json}");

    expect(&place.lvpatch(&["--info", "--strict", "ours", "chain"]), 0);
    expect(&place.lvpatch(&["--info", "--strict", "ours", "sync"]), 4);
    fs::write(place.path("cut"), &lvbackup[..lvbackup.len() - 1]).unwrap();
    let stderr = expect(&place.lvpatch(&["--info", "ours", "cut"]), 4);
    assert!(stderr.contains("cut: "), "{stderr}");
}

/// A full stream of lvbackup's without a block, and an increment of one.
fn lvbackup_chain() -> Vec<u8> {
    let hashed = |mut bytes: Vec<u8>| {
        let digest = Md5::digest(&bytes);
        bytes.extend(&digest[..]);
        bytes
    };
    let header = |kind: u8, blocks: u64, uuid: &str, base: &str| {
        let mut header = vec![1, kind];
        header.extend((1_u64 << 20).to_be_bytes());
        header.extend(4096_u32.to_be_bytes());
        header.extend(blocks.to_be_bytes());
        for uuid in [uuid, base] {
            let mut field = [0; 36];
            field[..uuid.len()].copy_from_slice(uuid.as_bytes());
            header.extend(field);
        }
        hashed(header)
    };
    let block = hashed([7_u64.to_be_bytes().to_vec(), vec![9; 4096]].concat());
    [header(1, 0, "u-1", ""), header(2, 1, "u-2", "u-1"), block].concat()
}

#[test]
fn a_backup_leads_back() {
    let (base, new) = (image("base"), image("new"));
    for name in THIN {
        let place = Place::new(Some(&base), &stream(name));
        expect(&place.lvpatch(&["--device", "image", "--backup", "undo"]), 0);
        assert!(place.image() == new);
        expect(&place.lvpatch(&["--device", "image", "-i", "undo"]), 0);
        assert!(place.image() == base, "{name}");
    }
    let place = Place::new(Some(&base), &stream(THIN[4]));
    let stderr = expect(&place.piped(&["--device", "image", "--backup", "undo"]), 2);
    assert!(stderr.contains("--backup"), "{stderr}");
    assert!(place.image() == base && !place.path("undo").exists());
}

/// lvmsync's records; the number of each is what it holds.
fn lvmsync(records: &[(u64, usize)]) -> Vec<u8> {
    let mut stream = b"lvmsync PROTO[3]\n".to_vec();
    for (number, (offset, length)) in records.iter().enumerate() {
        stream.extend(offset.to_be_bytes());
        stream.extend((*length as u32).to_be_bytes());
        stream.extend(vec![number as u8 + 1; *length]);
    }
    stream
}

#[test]
fn of_records_in_any_order_the_last_one_wins() {
    let before = vec![0; 1 << 20];
    let records =
        [(8192, 4096), (0, 65536), (4096, 512), (0, 1024), (512, 512), (1 << 19, 1 << 19)];
    let records = [&records[..], &[(512, 1 << 19)], &[(1024, 512); 40]].concat();
    let mut expected = before.clone();
    for (number, &(offset, length)) in records.iter().enumerate() {
        expected[offset as usize..][..length].fill(number as u8 + 1);
    }
    let place = Place::new(Some(&before), &lvmsync(&records));
    expect(&place.lvpatch(&["--device", "image"]), 0);
    assert!(place.image() == expected);

    let place = Place::new(Some(&before), &lvmsync(&records));
    let stderr = expect(&place.lvpatch(&["--device", "image", "--backup", "undo"]), 2);
    assert!(stderr.contains("do not ascend"), "{stderr}");
    assert!(place.image() == before && !place.path("undo").exists());

    let behind = lvmsync(&[(0, 512), (1 << 20, 512)]);
    let place = Place::new(Some(&before), &behind);
    let stderr = expect(&place.lvpatch(&["--device", "image"]), 4);
    assert!(stderr.contains("after the volume's end"), "{stderr}");
    assert!(place.image() == before);
}

fn convert(place: &Place, arguments: &[&str]) -> Output {
    let mut command = Command::new(programs::dir().unwrap().join("lvdiff"));
    command.current_dir(place.0.path()).args(["--convert", "-i", "stream", "-o", "ours"]);
    command.args(arguments).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn what_is_converted_does_the_same_and_has_checksums() {
    let (base, new) = (image("base"), image("new"));
    let (thick_base, thick_new) = (image("thick-base"), image("thick-new"));
    let thick = ["lvmsync-3-thick.stream", "lvmsync-3-snapback.stream"];
    let of_thin = THIN.map(|name| (name, &base, &new));
    let of_thick = [(thick[0], &thick_base, &thick_new), (thick[1], &thick_new, &thick_base)];
    for (name, before, after) in of_thin.into_iter().chain(of_thick) {
        let place = Place::new(Some(before), &stream(name));
        expect(&convert(&place, &["--size", "64M", "mon", "tue", "--compress", "zstd"]), 0);
        expect(&place.lvpatch(&["--verify", "--strict", "-i", "ours"]), 0);
        let info = place.lvpatch(&["--info", "ours"]).stdout;
        let info = String::from_utf8(info).unwrap();
        assert!(info.contains("mon"), "{info}");
        expect(&place.lvpatch(&["--device", "image", "--strict", "-i", "ours"]), 0);
        assert!(place.image() == *after, "{name}");
    }
    let place = Place::new(None, &stream("thin_send-1.1-full.stream"));
    expect(&convert(&place, &["--size", "64M", "vol"]), 0);
    expect(&place.lvpatch(&["--device", "image", "-i", "ours"]), 0);
    assert!(place.image() == new);
}

#[test]
fn records_in_any_order_are_converted_to_ascending_ones() {
    let mut before = vec![9; 1 << 20];
    let records = [(8192, 4096), (0, 65536), (4096, 512), (1 << 19, 1 << 19), (512, 1 << 19)];
    let place = Place::new(Some(&before), &lvmsync(&records));
    for (number, &(offset, length)) in records.iter().enumerate() {
        before[offset as usize..][..length].fill(number as u8 + 1);
    }
    expect(&convert(&place, &["--size", "1M", "mon", "tue"]), 0);
    expect(&place.lvpatch(&["--device", "image", "--backup", "undo", "-i", "ours"]), 0);
    assert!(place.image() == before);
}

#[test]
fn what_cannot_be_converted_leaves_no_file() {
    for (name, arguments, code) in [
        ("lvmsync-3-thick.stream", &["mon", "tue"][..], 2), // no size
        ("lvmsync-3-thick.stream", &["--size", "64M"], 2),  // no name
        ("lvmsync-3-thick.stream", &["--size", "1M", "mon", "tue"], 4),
    ] {
        let place = Place::new(None, &stream(name));
        expect(&convert(&place, arguments), code);
        assert!(!place.path("ours").exists());
    }
    let whole = stream(THIN[3]);
    let place = Place::new(None, &whole[..whole.len() - 1]);
    expect(&convert(&place, &[]), 4);
    assert!(!place.path("ours").exists());
    let place = Place::new(None, &whole);
    expect(&convert(&place, &[]), 0);
    fs::rename(place.path("ours"), place.path("stream")).unwrap();
    let stderr = expect(&convert(&place, &[]), 2);
    assert!(stderr.contains("already"), "{stderr}");
}
