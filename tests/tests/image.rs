//! Who else has an image while lvpatch writes it, and whose an undo of one is. QEMU's tools are the other
//! programs: what they refuse, and what they hold, is theirs to say.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use hyperlayer::{BaseDigest, DigestKind, Encoder, Header, TreeHasher, Volume};
use system_tests::programs;

const CHUNK: usize = 64 << 10;
const SIZE: usize = 200 * CHUNK;

/// A folder with an image that holds `base`, and the stream `diff` to `target`.
struct Place {
    folder: tempfile::TempDir,
    base: Vec<u8>,
    target: Vec<u8>,
}

impl Place {
    fn new() -> Self {
        let base: Vec<u8> = (0..SIZE).map(|place| (place / 512 % 251) as u8 + 1).collect();
        let mut target = base.clone();
        target[20 * CHUNK..60 * CHUNK].fill(7);
        let place = Self { folder: tempfile::tempdir().unwrap(), base, target };
        place.write("image", &place.base);
        place.write("diff", &stream(2, ["mon", "tue"], &place.base, &place.target));
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    fn holds(&self, name: &str, content: &[u8]) -> bool {
        fs::read(self.path(name)).unwrap() == content
    }

    fn command(&self, program: &str, line: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).args(line.split_whitespace());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn patch(&self, line: &str) -> Command {
        self.command(programs::dir().unwrap().join("lvpatch").to_str().unwrap(), line)
    }

    #[track_caller]
    fn expect(&self, line: &str, code: i32) -> String {
        expect(&self.patch(line).output().unwrap(), code)
    }

    /// lvpatch with a part of its stream, and with something written.
    fn begun(&self, line: &str) -> (Child, Vec<u8>) {
        let mut child = self.patch(line).stdin(Stdio::piped()).spawn().unwrap();
        let stream = fs::read(self.path("diff")).unwrap();
        let (first, rest) = stream.split_at(stream.len() - 100);
        child.stdin.as_mut().unwrap().write_all(first).unwrap();
        until("something is written", || !self.holds("image", &self.base));
        (child, rest.to_vec())
    }
}

#[track_caller]
fn expect(output: &Output, code: i32) -> String {
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

#[track_caller]
fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it never came to be: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The stream between two contents with these names. At detect level 2 some of the base is proved, at 3
/// all of it.
fn stream(level: u8, names: [&str; 2], base: &[u8], target: &[u8]) -> Vec<u8> {
    let differ = |begin: &usize| base[*begin..begin + CHUNK] != target[*begin..begin + CHUNK];
    let changed: Vec<_> = (0..SIZE).step_by(CHUNK).filter(differ).collect();
    let volume =
        |name: &str| Volume { name: name.into(), uuid: format!("uuid-{name}"), size: SIZE as u64 };
    let header = Header {
        target: volume(names[1]),
        base: Some(volume(names[0])),
        chunk_size: CHUNK as u64,
        detect_level: level,
        extents: changed.len() as u64,
        changed_bytes: (changed.len() * CHUNK) as u64,
        created: 1,
        ..hyperlayer::testing::header(0)
    };
    let digest = |begin: usize| BaseDigest {
        offset: begin as u64,
        length: CHUNK as u64,
        kind: DigestKind::Bytes,
        digest: *blake3::hash(&base[begin..begin + CHUNK]).as_bytes(),
    };
    let digests: Vec<_> = match level {
        3 => vec![root(base)],
        _ => (0..SIZE).step_by(3 * CHUNK).map(digest).collect(),
    };
    let mut encoder = Encoder::new(Vec::new(), &header, &digests).unwrap();
    for begin in changed {
        encoder.data(begin as u64, &target[begin..begin + CHUNK]).unwrap();
    }
    encoder.finish().unwrap().0
}

/// The digest of all that a base holds.
fn root(base: &[u8]) -> BaseDigest {
    let mut tree = TreeHasher::new(base.len() as u64);
    for (number, leaf) in (0..).zip(base.chunks(CHUNK)) {
        tree.leaf(number, TreeHasher::leaf_digest(leaf));
    }
    let (length, digest) = (base.len() as u64, tree.finish());
    BaseDigest { offset: 0, length, kind: DigestKind::Root, digest }
}

#[test]
fn while_it_is_written_nobody_else_gets_it() {
    let place = Place::new();
    let (mut first, rest) = place.begun("--device image");
    // All but the stream's end is there: from now on it writes nothing.
    until("all that came is written", || place.holds("image", &place.target));
    for line in ["--device image -i diff", "--device image --no-base-check -i diff"] {
        let said = place.expect(line, 1);
        assert!(said.contains("another program has it open"), "{said}");
    }
    place.expect("--check --device image --no-base-check -i diff", 1);
    // To write and to read: what is read now is neither of the two.
    for (program, line) in [
        ("qemu-io", "-f raw -c flush image"),
        ("qemu-img", "convert -f raw -O raw image copy"),
        ("qemu-img", "resize -f raw image 64M"),
    ] {
        let said = expect(&place.command(program, line).output().unwrap(), 1);
        assert!(said.to_lowercase().contains("lock"), "{program} {line}: {said}");
    }
    assert!(place.holds("image", &place.target));
    first.stdin.take().unwrap().write_all(&rest).unwrap();
    expect(&first.wait_with_output().unwrap(), 0);
    assert!(place.holds("image", &place.target));
    expect(&place.command("qemu-io", "-f raw -c flush image").output().unwrap(), 0);
}

#[test]
fn what_another_program_has_is_refused() {
    let place = Place::new();
    for line in ["-f raw image", "-f raw -r image"] {
        let mut other = place.command("qemu-io", line).stdin(Stdio::piped()).spawn().unwrap();
        until("qemu-io has it", || {
            place.patch("--check --device image -i diff").output().unwrap().status.code() == Some(1)
        });
        let said = place.expect("--device image --backup undo -i diff", 1);
        assert!(said.contains("image is written in place, so it must not be"), "{said}");
        assert!(place.holds("image", &place.base) && !place.path("undo").exists(), "{line}");
        drop(other.stdin.take());
        expect(&other.wait_with_output().unwrap(), 0);
    }
    let locked = File::open(place.path("image")).unwrap();
    locked.lock().unwrap();
    let said = place.expect("--device image -i diff", 1);
    assert!(said.contains("flock") && place.holds("image", &place.base), "{said}");
    drop(locked);
    place.expect("--check --device image -i diff", 0);
    place.expect("--device image -i diff", 0);
    assert!(place.holds("image", &place.target));
}

#[test]
fn an_undo_is_for_its_own_image() {
    (2..=3).for_each(check_its_own_image);
}

fn check_its_own_image(level: u8) {
    let place = Place::new();
    place.write("diff", &stream(level, ["mon", "tue"], &place.base, &place.target));
    place.expect("--device image --backup undo -i diff", 0);
    let mut other = place.target.clone();
    other[100 * CHUNK..].fill(9);
    place.write("other", &other);
    for line in ["--device other -i undo", "--check --device other -i undo"] {
        let said = place.expect(line, 3);
        assert!(said.contains("other is not what the undo was made for"), "{said}");
        assert!(place.holds("other", &other));
    }
    // It is there to be read twice only in a file.
    let mut piped = place.patch("--device image");
    piped.stdin(
        Command::new("cat")
            .arg(place.path("undo"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
            .stdout
            .unwrap(),
    );
    let said = expect(&piped.output().unwrap(), 2);
    assert!(said.contains("-i") && place.holds("image", &place.target), "{said}");
    // From wherever what it undoes had come to.
    for part in [20, 33, 60] {
        let mut content = place.base.clone();
        content[20 * CHUNK..part * CHUNK + 512].fill(7);
        content[60 * CHUNK..].copy_from_slice(&place.base[60 * CHUNK..]);
        place.write("image", &content);
        place.expect("--check --device image -i undo", 0);
        place.expect("--device image -i undo", 0);
        assert!(place.holds("image", &place.base), "{part}");
    }
    place.expect("--device other --no-base-check -i undo", 0);
    other[20 * CHUNK..60 * CHUNK].copy_from_slice(&place.base[20 * CHUNK..60 * CHUNK]);
    assert!(place.holds("other", &other));
}

#[test]
fn a_backup_of_what_was_not_proved_is_proved_all_the_same() {
    let place = Place::new();
    let other: Vec<u8> = place.base.iter().map(|byte| byte ^ 0xff).collect();
    place.write("other", &other);
    place.expect("--device other --no-base-check --backup undo -i diff", 0);
    place.expect("--device image -i undo", 3);
    assert!(place.holds("image", &place.base));
    // The undo of an undo.
    place.expect("--device other --backup redo -i undo", 0);
    assert!(place.holds("other", &other));
    place.expect("--device image -i redo", 3);
    place.expect("--device other -i redo", 0);
    place.expect("--device other -i undo", 0);
    assert!(place.holds("other", &other));
}

#[test]
fn what_is_cut_is_the_last_that_partial_takes() {
    let place = Place::new();
    let mut last = place.target.clone();
    last[50 * CHUNK..90 * CHUNK].fill(3);
    place.write("diff2", &stream(2, ["tue", "wed"], &place.target, &last));
    place.expect("--device image --backup undo1 -i diff", 0);
    place.expect("--device image --backup undo2 -i diff2", 0);
    place.expect("--device image --partial -i undo2 -i undo1", 0);
    assert!(place.holds("image", &place.base));

    place.write("image", &last);
    let whole = fs::read(place.path("undo2")).unwrap();
    place.write("undo2", &whole[..whole.len() - 20]);
    for line in ["", "--no-base-check"] {
        let line = format!("--device image --partial {line} -i undo2 -i undo1");
        let said = place.expect(&line, 2);
        assert!(said.contains("undo2 is cut, and undo1 follows it"), "{said}");
        assert!(place.holds("image", &last));
    }
    // No other kind of stream after it either.
    place.write("undo2", &whole);
    place.expect("--device image --partial -i undo2 -i diff2", 2);
    assert!(place.holds("image", &last));
    place.write("undo2", &whole[..whole.len() - 20]);
    place.expect("--device image --partial -i undo2", 0);
    assert!(place.holds("image", &place.target));
    place.expect("--device image --partial -i undo1", 0);
    assert!(place.holds("image", &place.base));
}
