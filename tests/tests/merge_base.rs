//! lvdiff --merge: a stream whose base is not what the streams before it lead to is refused, as far as
//! they say what that holds; lvpatch, which has the volume, is the judge.

mod library;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use hyperlayer::{BaseDigest, Decoder, DigestKind, Encoder, Header, Records, Volume};
use proptest::prelude::*;
use system_tests::{programs, root, scratch};

const CHUNK: usize = 4096;
const SECTOR: usize = 512;

/// A stream from one content to another.
struct Step<'a> {
    /// The number of the volume that it starts from, and what that holds; none for a full stream.
    base: Option<(usize, &'a [u8])>,
    target: (usize, &'a [u8]),
    level: u8,
    /// Compared in units of this size, as with --granularity.
    unit: usize,
}

impl Step<'_> {
    fn digests(&self) -> Vec<BaseDigest> {
        let Some((_, base)) = self.base else { return vec![] };
        let digest = |begin: usize, end: usize| BaseDigest {
            offset: begin as u64,
            length: (end - begin) as u64,
            kind: DigestKind::Bytes,
            digest: *blake3::hash(&base[begin..end]).as_bytes(),
        };
        let chunk = |begin: usize| digest(begin, (begin + CHUNK).min(base.len()));
        match self.level {
            0 => vec![],
            1 => vec![chunk(0)],
            2 => (0..base.len()).step_by(CHUNK).map(chunk).collect(),
            _ => {
                let (kind, digest) = (DigestKind::Root, root::digest(base));
                vec![BaseDigest { offset: 0, length: base.len() as u64, kind, digest }]
            }
        }
    }

    fn stream(&self) -> Vec<u8> {
        let volume = |number: usize, content: &[u8]| Volume {
            name: format!("v{number}"),
            uuid: format!("uuid-{number}"),
            size: content.len() as u64,
        };
        let base = self.base.map_or(&[][..], |(_, content)| content);
        let target = self.target.1;
        let mut ranges = Vec::new();
        for begin in (0..target.len()).step_by(self.unit) {
            let end = (begin + self.unit).min(target.len());
            let mut before = base.get(begin..end.min(base.len())).unwrap_or(&[]).to_vec();
            before.resize(end - begin, 0);
            if before != target[begin..end] {
                let whole = begin.is_multiple_of(CHUNK) && self.unit == CHUNK && end <= base.len();
                let is_hole = whole && target[begin..end].iter().all(|byte| *byte == 0);
                ranges.push((begin, end, is_hole));
            }
        }
        let sum = |holes: bool| {
            let of_kind = ranges.iter().filter(|range| range.2 == holes);
            of_kind.map(|(begin, end, _)| (end - begin) as u64).sum()
        };
        let header = Header {
            target: volume(self.target.0, target),
            base: self.base.map(|(number, content)| volume(number, content)),
            chunk_size: CHUNK as u64,
            detect_level: self.level,
            extents: ranges.len() as u64,
            changed_bytes: sum(false),
            unmapped_bytes: sum(true),
            created: 1,
            ..hyperlayer::testing::header(0)
        };
        let mut encoder = Encoder::new(Vec::new(), &header, &self.digests()).unwrap();
        for (begin, end, is_hole) in ranges {
            match is_hole {
                true => encoder.discard(begin as u64, (end - begin) as u64).unwrap(),
                false => encoder.data(begin as u64, &target[begin..end]).unwrap(),
            }
        }
        encoder.finish().unwrap().0
    }
}

/// From what `base` holds to `target`, with numbers one after another.
fn step(number: usize, base: &[u8], target: &[u8], level: u8) -> Vec<u8> {
    let (base, target) = (Some((number, base)), (number + 1, target));
    Step { base, target, level, unit: CHUNK }.stream()
}

fn full(number: usize, target: &[u8]) -> Vec<u8> {
    Step { base: None, target: (number, target), level: 0, unit: CHUNK }.stream()
}

/// A folder with streams in files: s1, s2 and so on.
struct Place {
    folder: tempfile::TempDir,
    files: Vec<PathBuf>,
}

impl Place {
    fn new(streams: &[Vec<u8>]) -> Self {
        let folder = scratch().unwrap();
        let write = |(number, stream): (usize, &Vec<u8>)| {
            let path = folder.path().join(format!("s{}", number + 1));
            fs::write(&path, stream).unwrap();
            path
        };
        let files = streams.iter().enumerate().map(write).collect();
        Self { folder, files }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Merges the files to `merged`.
    fn merge(&self) -> (i32, String) {
        let files: Vec<_> = self.files.iter().map(|file| file.to_str().unwrap()).collect();
        let words = [&["--merge"][..], &files, &["-o", "merged"]].concat();
        let ended = library::run(self.folder.path(), "lvdiff", &words);
        let names = fs::read_dir(self.folder.path()).unwrap().count();
        let images = usize::from(self.path("image").exists());
        assert_eq!(names, self.files.len() + images + usize::from(ended.code == 0), "leftovers");
        (ended.code, ended.stderr)
    }

    /// Applies streams to a base, or makes an image of a full one; yields what came of it.
    fn patched(&self, base: Option<&[u8]>, streams: &[PathBuf]) -> (i32, Vec<u8>) {
        let image = self.path("image");
        _ = fs::remove_file(&image);
        if let Some(base) = base {
            fs::write(&image, base).unwrap();
        }
        let streams = streams.iter().flat_map(|stream| ["-i", stream.to_str().unwrap()]);
        let words: Vec<_> = ["--device", "image"].into_iter().chain(streams).collect();
        let ended = library::run(self.folder.path(), "lvpatch", &words);
        (ended.code, fs::read(&image).unwrap_or_default())
    }

    /// The program merges them, or refuses that, as the libraries do.
    fn is_merged_by_the_program(&self) {
        let (code, stderr) = self.merge();
        let merged = self.path("merged");
        _ = fs::remove_file(&merged);
        let mut command = Command::new(programs::dir().unwrap().join("lvdiff"));
        command.args(["-q", "-o"]).arg(&merged).arg("--merge").args(&self.files);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(code));
        let lines = stderr.lines().map(|line| format!("lvdiff: {line}\n"));
        assert_eq!(String::from_utf8(output.stderr).unwrap(), lines.collect::<String>());
        assert_eq!(merged.exists(), code == 0);
    }

    fn merged_digests(&self) -> (u8, Vec<BaseDigest>) {
        let merged = fs::read(self.path("merged")).unwrap();
        let decoder = Decoder::new(merged.as_slice()).unwrap();
        (decoder.header().detect_level, decoder.base_digests().to_vec())
    }
}

/// Different in each chunk; `changes` are chunks, and what they hold instead.
fn content(chunks: usize, changes: &[(usize, u8)]) -> Vec<u8> {
    let byte = |place: usize| (place / CHUNK + place / 7 % 200 + 1) as u8;
    let mut content: Vec<u8> = (0..chunks * CHUNK).map(byte).collect();
    for &(chunk, byte) in changes {
        content[chunk * CHUNK..(chunk + 1) * CHUNK].fill(byte);
    }
    content
}

#[test]
fn behind_a_full_stream_every_base_is_proved() {
    let one = content(8, &[(3, 0)]);
    let two = content(8, &[(3, 0), (1, 5), (4, 0)]);
    let three = content(9, &[(3, 7), (1, 5), (4, 0), (8, 0)]);
    for level in 0..=3 {
        let right = [full(1, &one), step(1, &one, &two, level), step(2, &two, &three, level)];
        let place = Place::new(&right);
        assert_eq!(place.merge(), (0, String::new()), "level {level}");
        assert!(place.patched(None, &[place.path("merged")]) == (0, three.clone()));
    }
    // Written to in the first chunk, in one that is data, one that became a hole, and one that is none.
    for (chunk, levels) in [(0, 1..=3), (5, 2..=3), (4, 2..=3), (3, 2..=3)] {
        for level in levels {
            let mut stray = two.clone();
            stray[chunk * CHUNK + 9] ^= 1;
            let third = step(2, &stray, &three, level);
            let place = Place::new(&[full(1, &one), step(1, &one, &two, level), third]);
            assert_eq!(place.patched(None, &place.files).0, 3);
            let (code, stderr) = place.merge();
            assert_eq!(code, 3, "level {level}, chunk {chunk}: {stderr}");
            let offset = format!("offset {} ", if level == 3 { 0 } else { chunk * CHUNK });
            for word in ["/s2", "/s3 does not follow", &offset, "v2"] {
                assert!(stderr.contains(word), "{word}: {stderr}");
            }
        }
    }
}

#[test]
fn the_program_merges_warns_and_refuses() {
    let (one, two) = (content(8, &[]), content(8, &[(1, 5), (4, 0)]));
    let three = content(8, &[(1, 5), (4, 0), (6, 6)]);
    let mut stray = two.clone();
    stray[9] ^= 1;
    for (code, has_warning, streams) in [
        (0, false, [full(1, &one), step(1, &one, &two, 2)]),
        (0, true, [step(1, &one, &two, 0), step(2, &two, &three, 3)]),
        (3, false, [full(2, &two), step(2, &stray, &three, 2)]),
    ] {
        let place = Place::new(&streams);
        let (found, stderr) = place.merge();
        assert_eq!((found, stderr.starts_with("warning: ")), (code, has_warning), "{stderr}");
        _ = fs::remove_file(place.path("merged"));
        place.is_merged_by_the_program();
    }
}

#[test]
fn one_file_names_its_streams() {
    let (one, two) = (content(4, &[]), content(4, &[(1, 5)]));
    let mut stray = one.clone();
    stray[0] ^= 1;
    let place = Place::new(&[[full(1, &one), step(1, &stray, &two, 3)].concat()]);
    let (code, stderr) = place.merge();
    assert_eq!(code, 3);
    assert!(stderr.contains("s1, stream 2 does not follow"), "{stderr}");
}

#[test]
fn what_increments_say_is_held_against_the_next_base() {
    let (one, two) = (content(8, &[]), content(8, &[(1, 5), (4, 0)]));
    let three = content(8, &[(1, 5), (4, 0), (6, 6)]);
    for chunk in [1, 4] {
        let mut stray = two.clone();
        stray[chunk * CHUNK + 9] ^= 1;
        let place = Place::new(&[step(1, &one, &two, 0), step(2, &stray, &three, 2)]);
        let (code, stderr) = place.merge();
        assert_eq!(code, 3, "{stderr}");
        assert!(stderr.contains(&format!("offset {} ", chunk * CHUNK)), "{stderr}");
    }
}

#[test]
fn what_no_stream_wrote_to_is_proved_of_the_first_base() {
    let (one, two) = (content(8, &[]), content(8, &[(1, 5), (4, 0)]));
    let three = content(8, &[(1, 5), (4, 0), (6, 6)]);
    for (first, level) in [(0, 2), (1, 2), (2, 2)] {
        let place = Place::new(&[step(1, &one, &two, first), step(2, &two, &three, 2)]);
        assert_eq!(place.merge(), (0, String::new()));
        let (found, digests) = place.merged_digests();
        let mut chunks: Vec<_> = digests.iter().map(|one| one.offset as usize / CHUNK).collect();
        let expected: &[_] =
            if first == 2 { &[0, 1, 2, 3, 4, 5, 6, 7] } else { &[0, 2, 3, 5, 6, 7] };
        assert_eq!((found, &chunks[..]), (level, expected));
        chunks.retain(|chunk| ![1, 4].contains(chunk));
        for chunk in chunks {
            let mut stray = one.clone();
            stray[chunk * CHUNK] ^= 1;
            assert_eq!(place.patched(Some(&stray), &[place.path("merged")]), (3, stray));
        }
        assert!(place.patched(Some(&one), &[place.path("merged")]) == (0, three.clone()));
    }
    // A head that is carried on alone.
    let place = Place::new(&[step(1, &one, &two, 0), step(2, &two, &three, 1)]);
    assert_eq!(place.merge(), (0, String::new()));
    let (level, digests) = place.merged_digests();
    assert_eq!((level, digests.len()), (1, 1));
    // All of the base, of which the first stream says nothing: that is the first base, then.
    let place = Place::new(&[step(1, &one, &one, 0), step(2, &one, &three, 3)]);
    assert_eq!(place.merge(), (0, String::new()));
    let (level, digests) = place.merged_digests();
    assert_eq!((level, digests[0].digest), (3, root::digest(&one)));
    assert!(place.patched(Some(&one), &[place.path("merged")]) == (0, three.clone()));
    let mut stray = one.clone();
    stray[7 * CHUNK] ^= 1;
    assert_eq!(place.patched(Some(&stray), &[place.path("merged")]), (3, stray.clone()));
    // Both streams looked at all of it, and saw different things.
    let place = Place::new(&[step(1, &one, &one, 3), step(2, &stray, &three, 3)]);
    let (code, stderr) = place.merge();
    assert_eq!(code, 3);
    assert!(stderr.contains("/s2 does not follow"), "{stderr}");
    // Both streams looked there, and saw different things.
    let mut stray = two.clone();
    stray[5 * CHUNK] ^= 1;
    let place = Place::new(&[step(1, &one, &two, 2), step(2, &stray, &three, 2)]);
    let (code, stderr) = place.merge();
    assert_eq!(code, 3);
    for word in ["/s1", "/s2 does not follow", "offset 20480 "] {
        assert!(stderr.contains(word), "{word}: {stderr}");
    }
}

#[test]
fn what_cannot_be_proved_is_said() {
    let (one, two) = (content(8, &[]), content(8, &[(1, 5), (4, 0)]));
    let three = content(8, &[(1, 5), (4, 0), (6, 6)]);
    let warns = |streams: &[Vec<u8>], words: &[&str]| {
        let place = Place::new(streams);
        let (code, stderr) = place.merge();
        assert_eq!((code, stderr.lines().count()), (0, 1), "{stderr}");
        for word in [&["warning: ", "/s1", "/s2: "], words].concat() {
            assert!(stderr.contains(word), "{word}: {stderr}");
        }
    };
    // All of the base, of which the increment holds a part.
    warns(&[step(1, &one, &two, 0), step(2, &two, &three, 3)], &["1 of 1 base digests", "v2"]);
    // The first base is proved as a whole: there is no place for a sample beside that.
    warns(&[step(1, &one, &two, 3), step(2, &two, &three, 2)], &["6 of 8 base digests"]);
    // A part of a chunk.
    let mut part = one.clone();
    part[CHUNK..CHUNK + SECTOR].fill(9);
    let fine = Step { base: Some((1, &one)), target: (2, &part), level: 0, unit: SECTOR }.stream();
    warns(&[fine, step(2, &part, &three, 2)], &["1 of 8 base digests"]);
}

/// What happens between two streams, and in the second one. Numbers are sectors.
#[derive(Clone, Debug)]
struct Day {
    sectors: usize,
    writes: Vec<(usize, usize, u8)>,
    level: u8,
    fine: bool,
    /// Somebody writes to the volume before the stream is made.
    stray: Option<usize>,
}

fn days() -> impl Strategy<Value = Vec<Day>> {
    let write = (0..96_usize, 1..30_usize, prop_oneof![Just(0_u8), any::<u8>()]);
    let day = (
        prop_oneof![3 => Just(80_usize), 1 => 1..96_usize],
        prop::collection::vec(write, 0..6),
        0..=3_u8,
        any::<bool>(),
        prop::option::weighted(0.15, 0..96_usize),
    );
    let day = day.prop_map(|(sectors, writes, level, fine, stray)| Day {
        sectors,
        writes,
        level,
        fine,
        stray,
    });
    prop::collection::vec(day, 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: system_tests::cases(96),
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn merge_refuses_what_a_chain_refuses(days in days(), begins_with_full in any::<bool>()) {
        let first = content(10, &[(2, 0), (7, 0)]);
        let mut streams = Vec::new();
        if begins_with_full {
            streams.push(full(0, &first));
        }
        let mut before = first.clone();
        for (number, day) in days.iter().enumerate() {
            if let Some(byte) = day.stray.and_then(|sector| before.get_mut(sector * SECTOR + 3)) {
                *byte ^= 1;
            }
            let mut after = before.clone();
            after.resize(day.sectors * SECTOR, 0);
            for &(first, length, byte) in &day.writes {
                let end = ((first + length) * SECTOR).min(after.len());
                after.get_mut(first * SECTOR..end).into_iter().for_each(|range| range.fill(byte));
            }
            let (base, target) = (Some((number, &before[..])), (number + 1, &after[..]));
            let unit = if day.fine { SECTOR } else { CHUNK };
            streams.push(Step { base, target, level: day.level, unit }.stream());
            before = after;
        }
        let place = Place::new(&streams);
        let base = (!begins_with_full).then_some(&first[..]);
        let (expected, wanted) = place.patched(base, &place.files);
        let (code, stderr) = place.merge();
        if begins_with_full {
            prop_assert_eq!(code, expected, "{}", stderr);
            prop_assert!(!stderr.contains("warning"), "{}", stderr);
        }
        prop_assert!(code == 0 || (code, expected) == (3, 3), "{}", stderr);
        if code == 0 {
            // What merging does not notice, the first base's digests or the warning do.
            let (applied, found) = place.patched(base, &[place.path("merged")]);
            match expected {
                0 => prop_assert!(applied == 0 && found == wanted),
                _ => prop_assert!(applied == 3 || stderr.contains("warning"), "{}", stderr),
            }
        }
    }
}
