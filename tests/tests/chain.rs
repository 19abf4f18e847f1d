//! lvpatch with chains of streams, on image files: no kernel, no LVM, no root.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use hyperlayer::{BaseDigest, DigestKind, Encoder, Header, Volume};
use system_tests::programs;

const CHUNK: usize = 65536;

/// A volume at one time: its name, and what it holds.
#[derive(Clone)]
struct Point {
    name: &'static str,
    content: Vec<u8>,
}

impl Point {
    fn volume(&self) -> Volume {
        let size = self.content.len() as u64;
        Volume { name: self.name.into(), uuid: format!("uuid-{}", self.name), size }
    }

    /// The chunk that begins there, as far as the volume goes.
    fn chunk(&self, begin: usize) -> &[u8] {
        let end = (begin + CHUNK).min(self.content.len());
        self.content.get(begin..end).unwrap_or_default()
    }
}

/// The stream from one point to another: every chunk that differs, zeros as such, and what became
/// zeros as unmapped. The base is proved by its first chunk.
fn stream(base: Option<&Point>, target: &Point, created: u64) -> Vec<u8> {
    let differs = |begin: &usize| {
        let of_base = base.map_or(&[][..], |base| base.chunk(*begin));
        let mut expected = of_base.to_vec();
        expected.resize(target.chunk(*begin).len(), 0);
        target.chunk(*begin) != expected
    };
    let changed: Vec<_> = (0..target.content.len()).step_by(CHUNK).filter(differs).collect();
    let is_zero = |begin: usize| target.chunk(begin).iter().all(|&byte| byte == 0);
    let bytes = |zero: bool| {
        let of_kind = changed.iter().filter(|&&begin| is_zero(begin) == zero);
        of_kind.map(|&begin| target.chunk(begin).len() as u64).sum()
    };
    let digest = |base: &Point| {
        let bytes = base.chunk(0);
        let digest = *blake3::hash(bytes).as_bytes();
        BaseDigest { offset: 0, length: bytes.len() as u64, kind: DigestKind::Bytes, digest }
    };
    let header = Header {
        target: target.volume(),
        base: base.map(Point::volume),
        chunk_size: CHUNK as u64,
        detect_level: base.is_some().into(),
        extents: changed.len() as u64,
        changed_bytes: bytes(false),
        unmapped_bytes: bytes(true),
        created,
        ..hyperlayer::testing::header(0)
    };
    let digests: Vec<_> = base.into_iter().map(digest).collect();
    let mut encoder = Encoder::new(Vec::new(), &header, &digests).unwrap();
    for begin in changed {
        let chunk = target.chunk(begin);
        match is_zero(begin) {
            true => encoder.discard(begin as u64, chunk.len() as u64).unwrap(),
            false => encoder.data(begin as u64, chunk).unwrap(),
        }
    }
    encoder.finish().unwrap().0
}

/// A folder with the streams of a week: `full`, then `tue`, which changes the volume, `wed`, which
/// grows it, and `thu`, which shrinks it.
struct Week {
    folder: tempfile::TempDir,
    points: Vec<Point>,
}

impl Week {
    fn new() -> Self {
        let mut content = vec![0; 20 * CHUNK + 512];
        content[..CHUNK].fill(1);
        content[5 * CHUNK..7 * CHUNK].fill(2);
        let mon = Point { name: "mon", content };
        let mut tue = Point { name: "tue", ..mon.clone() };
        tue.content[5 * CHUNK..6 * CHUNK].fill(0);
        tue.content[CHUNK + 7] = 3;
        let mut wed = Point { name: "wed", ..tue.clone() };
        wed.content.resize(30 * CHUNK, 0);
        wed.content[20 * CHUNK + 100..21 * CHUNK].fill(4);
        wed.content[29 * CHUNK..].fill(5);
        let mut thu = Point { name: "thu", ..wed.clone() };
        thu.content.truncate(6 * CHUNK + 1024);
        thu.content[0] = 6;
        let points = vec![mon, tue, wed, thu];
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("full"), stream(None, &points[0], 1000)).unwrap();
        for (number, pair) in points.windows(2).enumerate() {
            let stream = stream(Some(&pair[0]), &pair[1], 2000 + number as u64);
            fs::write(folder.path().join(pair[1].name), stream).unwrap();
        }
        Self { folder, points }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Runs lvpatch in the folder.
    fn lvpatch(&self, line: &str) -> Output {
        let mut command = Command::new(programs::dir().unwrap().join("lvpatch"));
        command.current_dir(self.folder.path()).args(line.split(' ')).stdin(Stdio::null());
        command.output().unwrap()
    }

    /// Runs lvpatch in the folder, with these files one after another on a pipe.
    fn piped(&self, files: &str, line: &str) -> Output {
        let pipe = format!("cat {files} | \"$0\" {line}");
        let lvpatch = programs::dir().unwrap().join("lvpatch");
        let mut command = Command::new("bash");
        command.current_dir(self.folder.path()).arg("-c").arg(pipe).arg(lvpatch).output().unwrap()
    }

    /// What the folder holds beside the streams.
    fn others(&self) -> Vec<String> {
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let names = fs::read_dir(self.folder.path()).unwrap().map(name);
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.retain(|name| !["full", "tue", "wed", "thu"].contains(&name.as_str()));
        names.sort();
        names
    }
}

fn expect(output: &Output, code: i32) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    stderr
}

#[test]
fn every_point_of_a_chain_comes_back() {
    let week = Week::new();
    let files = ["full", "tue", "wed", "thu"];
    for count in 1..=4 {
        let expected = &week.points[count - 1].content;
        expect(&week.piped(&files[..count].join(" "), "--device piped"), 0);
        assert!(week.read("piped") == *expected, "{count} streams through a pipe");
        let inputs: Vec<_> = files[..count].iter().map(|file| format!("-i {file}")).collect();
        expect(&week.lvpatch(&format!("--device files {}", inputs.join(" "))), 0);
        assert!(week.read("files") == *expected, "{count} streams from files");
        for image in ["piped", "files"] {
            fs::remove_file(week.path(image)).unwrap();
        }
        let until = week.points[count - 1].name;
        expect(&week.piped("full tue wed thu", &format!("--device image --until {until}")), 0);
        assert!(week.read("image") == *expected, "until {until}");
        fs::remove_file(week.path("image")).unwrap();
    }
    expect(&week.piped("full tue wed thu", "--device image --until 1970-01-01T00:33:21Z"), 0);
    assert!(week.read("image") == week.points[2].content, "until a time");
    assert_eq!(week.others(), ["image"]);
}

#[test]
fn a_new_image_is_sparse_and_there_only_once_it_is_complete() {
    use std::os::unix::fs::MetadataExt;
    let week = Week::new();
    expect(&week.lvpatch("--device image -i full"), 0);
    assert!(week.path("image").metadata().unwrap().blocks() * 512 <= 4 * CHUNK as u64);
    let stderr = expect(&week.lvpatch("--device image -i full"), 2);
    assert!(stderr.contains("image already exists"), "{stderr}");

    let thu = week.read("thu");
    fs::write(week.path("cut"), &thu[..thu.len() - 1]).unwrap();
    for line in ["full tue wed cut", "full tue thu", "full full", "full tue wed thu /dev/zero"] {
        let output = week.piped(&format!("{line} 2> /dev/null"), "--device other");
        assert!([Some(3), Some(4)].contains(&output.status.code()), "{line}: {output:?}");
    }
    assert_eq!(week.others(), ["cut", "image"]);
}

#[test]
fn what_does_not_follow_is_named() {
    let week = Week::new();
    let stderr = expect(&week.lvpatch("--verify -i full -i wed"), 3);
    assert!(stderr.contains("wed does not follow") && stderr.contains("uuid-tue"), "{stderr}");
    let stderr = expect(&week.piped("full wed", "--device image"), 3);
    assert!(stderr.contains("standard input, stream 2 (wed)"), "{stderr}");
    let stderr = expect(&week.lvpatch("--device image --until fri -i full -i tue"), 2);
    assert!(stderr.contains("fri"), "{stderr}");
    expect(&week.lvpatch("--device image --until 1970-01-01T00:00:00Z -i full"), 2);
    assert_eq!(week.others(), [""; 0]);
    expect(&week.lvpatch("--verify -i full -i tue -i wed -i thu"), 0);
}

#[test]
fn a_base_is_accepted_or_not_before_it_is_written() {
    let week = Week::new();
    let before = |name: &str, content: &[u8]| fs::write(week.path(name), content).unwrap();
    before("right", &week.points[0].content);
    let mut other = week.points[0].content.clone();
    other[3] = 9;
    before("wrong", &other);
    before("short", &other[..CHUNK]);
    fs::write(week.path("start"), &week.read("tue")[..4000]).unwrap();
    expect(&week.piped("start", "--check --device right"), 0);
    expect(&week.piped("start", "--check --device wrong"), 3);
    expect(&week.piped("start", "--check --device short"), 3);
    expect(&week.lvpatch("--check --device wrong --no-base-check -i tue"), 0);
    expect(&week.lvpatch("--check --device new -i full"), 0);
    let stderr = expect(&week.lvpatch("--check --device right -i full"), 2);
    assert!(stderr.contains("already exists"), "{stderr}");
    assert!(week.read("right") == week.points[0].content && week.read("wrong") == other);
    expect(&week.lvpatch("--device wrong -i tue"), 3);
    assert!(week.read("wrong") == other);
}

#[test]
fn a_file_that_grows_for_nothing_shrinks_again() {
    let week = Week::new();
    fs::write(week.path("image"), &week.points[1].content).unwrap();
    fs::write(week.path("start"), &week.read("wed")[..600]).unwrap();
    expect(&week.piped("start", "--device image"), 4);
    assert!(week.read("image") == week.points[1].content);
    expect(&week.lvpatch("--device image -i wed -i thu"), 0);
    assert!(week.read("image") == week.points[3].content);
}

#[test]
fn a_backup_leads_back_whole_or_cut() {
    let week = Week::new();
    let (mon, tue) = (&week.points[0].content, &week.points[1].content);
    fs::write(week.path("image"), mon).unwrap();
    expect(&week.lvpatch("--device image --backup undo -i tue"), 0);
    assert!(week.read("image") == *tue);
    expect(&week.lvpatch("--device image -i undo"), 0);
    assert!(week.read("image") == *mon);

    // A stream that is cut early on has changed nothing.
    let stream_bytes = week.read("tue");
    fs::remove_file(week.path("undo")).unwrap();
    fs::write(week.path("cut"), &stream_bytes[..stream_bytes.len() - 200]).unwrap();
    expect(&week.piped("cut", "--device image --backup undo"), 4);
    assert!(week.read("image") == *mon && !week.path("undo").exists());

    // Later on it has been applied in part, and the backup has no end either.
    let large = Point { name: "large", content: vec![0; 24 << 20] };
    let other = Point { name: "other", content: vec![8; 24 << 20] };
    let bytes = stream(Some(&large), &other, 0);
    fs::write(week.path("cut"), &bytes[..bytes.len() - 200]).unwrap();
    fs::write(week.path("large"), &large.content).unwrap();
    let stderr = expect(&week.piped("cut", "--device large --backup undo"), 4);
    assert!(stderr.contains("lvpatch --device large --partial -i undo"), "{stderr}");
    assert!(week.read("large") != large.content);
    expect(&week.lvpatch("--device large -i undo"), 4);
    expect(&week.lvpatch("--device large --partial -i undo"), 0);
    assert!(week.read("large") == large.content);

    // Only for that.
    expect(&week.lvpatch("--device large --partial -i cut"), 2);
    let kept = week.read("undo");
    let stderr = expect(&week.lvpatch("--device image --backup undo -i tue"), 1);
    assert!(stderr.contains("undo"), "{stderr}");
    assert!(week.read("undo") == kept && week.read("image") == *mon);
    for line in ["-i tue -i wed", "-i full"] {
        expect(&week.lvpatch(&format!("--device image --backup new {line}")), 2);
    }
    fs::write(week.path("image"), tue).unwrap();
    expect(&week.lvpatch("--device image --backup new -i wed"), 2);
    assert!(week.read("image") == *tue);
    assert!(File::open(week.path("new")).is_err());
}

#[test]
fn a_folder_is_restored_by_date() {
    let week = Week::new();
    let restored = |line: &str, day: usize| {
        let stderr = expect(&week.lvpatch(format!("--from . --device image {line}").trim()), 0);
        assert!(week.read("image") == week.points[day].content, "{line}");
        fs::remove_file(week.path("image")).unwrap();
        stderr
    };
    let stderr = restored("", 3);
    let said = "lvpatch: restoring thu, made at 1970-01-01T00:33:22Z, from 4 streams";
    assert!(stderr.starts_with(said), "{stderr}");
    restored("--until tue", 1);
    restored("--until 1970-01-01T00:33:21Z", 2);
    restored("--until 2038-01-01", 3);
    let stderr = expect(&week.lvpatch("--from . --device image --until 1970-01-01T00:00:01Z"), 2);
    assert!(stderr.contains("thu (1970-01-01T00:33:22Z), wed"), "{stderr}");
    // A stream that is cut is left out, and what needs it cannot be restored.
    let whole = week.read("wed");
    fs::write(week.path("wed"), &whole[..whole.len() - 1]).unwrap();
    let stderr = restored("", 1);
    assert!(stderr.contains("./wed is left out: the stream is cut"), "{stderr}");
    assert_eq!(week.others(), [""; 0]);
}

#[test]
fn files_may_come_in_any_order() {
    let week = Week::new();
    expect(&week.lvpatch("--device image -i wed -i full -i thu -i tue"), 0);
    assert!(week.read("image") == week.points[3].content);
    fs::remove_file(week.path("image")).unwrap();
    // Where one is missing, nothing is made.
    expect(&week.lvpatch("--device image -i full -i wed"), 3);
    assert_eq!(week.others(), [""; 0]);
}

#[test]
fn each_file_is_verified_and_the_rest_is_told() {
    let week = Week::new();
    let verify = |code: i32| {
        let output = week.lvpatch("--verify thu wed tue full");
        let stderr = expect(&output, code);
        (String::from_utf8(output.stdout).unwrap(), stderr)
    };
    let (text, _) = verify(0);
    assert_eq!(text.lines().count(), 5, "{text}");
    assert!(text.starts_with("thu: sound: "), "{text}");
    assert!(text.ends_with("can be restored: mon, tue, wed, thu\n"), "{text}");
    let mut wed = week.read("wed");
    let middle = wed.len() / 2;
    wed[middle] ^= 1;
    fs::write(week.path("wed"), wed).unwrap();
    let (text, stderr) = verify(4);
    assert!(text.contains("\nwed: the stream is damaged at byte "), "{text}");
    assert!(text.contains("\ncan be restored: mon, tue\n"), "{text}");
    assert!(text.trim_end().ends_with("not among the sound ones: thu"), "{text}");
    assert!(stderr.starts_with("lvpatch: 1 of 4 files cannot be used: wed: "), "{stderr}");
}
