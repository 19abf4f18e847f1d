//! What lvdiff writes for other tools, on files: streams and maps.

mod library;

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use diff::{Detail, StreamFormat};
use proptest::prelude::*;
use source::FilesSource;
use system_tests::programs;
use thinmeta::testing::{Pool, Random, Shape};
use thinmeta::{Metadata, ThinId, View};

/// A folder with a pool's metadata and data as files.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new(metadata: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("metadata"), metadata).unwrap();
        fs::write(folder.path().join("data"), []).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn lvdiff(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(programs::dir().unwrap().join("lvdiff"));
        command.stdin(Stdio::null()).arg("--metadata").arg(self.path("metadata"));
        command.arg("--data").arg(self.path("data")).args(arguments).output().unwrap()
    }

    /// What lvdiff writes, where it must not fail.
    fn written(&self, arguments: &[&str]) -> Vec<u8> {
        let output = self.lvdiff(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {stderr}");
        output.stdout
    }

    fn text(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.written(arguments)).unwrap()
    }

    /// What thin_delta says; None, with a printed reason, where it is not installed.
    fn thin_delta(&self, base: &str, target: &str) -> Option<String> {
        let Some(program) = ["/usr/sbin/thin_delta", "/sbin/thin_delta"]
            .into_iter()
            .find(|path| Path::new(path).exists())
        else {
            eprintln!("skipped: thin_delta is not installed");
            return None;
        };
        let mut command = Command::new(program);
        command.args(["--snap1", base, "--snap2", target]).arg(self.path("metadata"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut xml = String::from_utf8(output.stdout).unwrap();
        // From 1.0 on it leaves out the last line feed.
        if !xml.ends_with('\n') {
            xml.push('\n');
        }
        Some(xml)
    }
}

fn unpacked(path: &str) -> Vec<u8> {
    let file = File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let mut bytes = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(file).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

const CHUNK: u64 = 65536;

/// The real pool, whose data is put together from what its two snapshots read as.
fn real_pool() -> Files {
    let metadata = unpacked("../crates/thinmeta/tests/fixtures/tmeta.img.zst");
    let files = Files::new(&metadata);
    let data = File::options().write(true).open(files.path("data")).unwrap();
    let pool = Metadata::open(&metadata[..], metadata.len() as u64, View::Live).unwrap();
    for (id, path) in [(2_u64, "fixtures/base.img.zst"), (3, "fixtures/new.img.zst")] {
        let content = unpacked(path);
        for mapping in pool.mappings(ThinId::try_from(id).unwrap()).unwrap().iter() {
            let (thin, block) = mapping.unwrap();
            let chunk = &content[(thin.get() * CHUNK) as usize..][..CHUNK as usize];
            data.write_all_at(chunk, block.get() * CHUNK).unwrap();
        }
    }
    files
}

#[test]
fn hyperlayer_1_is_what_the_original_lvdiff_wrote() {
    let files = real_pool();
    for level in ["0", "1", "2", "3"] {
        let pairs = ["--pair", "Author:someone", "--meta", "Message:hello world"];
        let mut arguments = vec!["--format", "hyperlayer-1.0", "--size", "64M", "-d", level];
        arguments.extend(pairs);
        let ours = files.written(&[&arguments[..], &["2", "3"]].concat());
        let path = format!("../crates/foreign/tests/fixtures/hyperlayer-1.0-d{level}.diff.zst");
        let theirs = unpacked(&path);
        // Offline there are thin ids in place of names, and no UUIDs.
        let mut end = 0;
        let mut lines: Vec<_> = theirs.split_inclusive(|&byte| byte == b'\n').take(8).collect();
        lines.iter().for_each(|line| end += line.len());
        (lines[1], lines[5]) = (b"Name: thin-3\n", b"VolumeUUID: \"\"\n");
        lines[7] = b"Backing volumeUUID: \"\"\n";
        let expected = [&lines.concat()[..], &theirs[end..]].concat();
        assert!(ours == expected, "level {level}");
    }
}

#[test]
fn thin_send_is_what_thin_send_wrote() {
    let files = real_pool();
    for (names, kind) in [(&["2", "3"][..], "incremental"), (&["3"], "full")] {
        let arguments = [&["--format", "thin-send", "--size", "64M"], names].concat();
        let path = format!("../crates/foreign/tests/fixtures/thin_send-1.1-{kind}.stream.zst");
        assert!(files.written(&arguments) == unpacked(&path), "{kind}");
    }
}

#[test]
fn the_map_is_that_of_thin_delta() {
    let files = real_pool();
    let ours = files.text(&["--list", "--map", "thin-delta", "2", "3"]);
    // This was read from a metadata snapshot, which does not know the number of data blocks.
    let told = include_str!("../../crates/thinmeta/tests/fixtures/thin_delta.xml");
    assert_eq!(ours, told.replace("nr_data_blocks=\"0\"", "nr_data_blocks=\"3200\""));
    for (base, target) in [("2", "3"), ("3", "2"), ("1", "3"), ("2", "2")] {
        let Some(xml) = files.thin_delta(base, target) else { return };
        assert_eq!(files.text(&["--list", "--map", "thin-delta", base, target]), xml);
    }

    let mut dice = Random::new(11);
    for (max_entries, sectors, held) in [(6, 128, false), (9, 384, true), (252, 2048, true)] {
        let mut pool = Pool::new(Shape { max_entries, data_block_sectors: sectors });
        pool.create_with(1, (0..600).map(|block| (block + block / 50 * 3, block)));
        for id in 2..6 {
            pool.snapshot(1, id);
            for _ in 0..80 {
                let block = dice.below(700);
                match dice.below(3) {
                    0 => pool.discard(1, block),
                    _ => (0..dice.below(4)).for_each(|next| pool.write(1, block + next)),
                }
            }
            if held && id == 4 {
                pool.hold();
            }
        }
        let files = Files::new(&pool.image());
        for (base, target) in [("2", "3"), ("2", "1"), ("1", "5"), ("5", "2")] {
            let xml = files.thin_delta(base, target).unwrap();
            let mut ours = files.text(&["--list", "--map", "thin-delta", base, target]);
            assert_eq!(held, ours.contains("metadata_snap="));
            // From 1.0 on it leaves that out.
            if held && !xml.contains("metadata_snap=") {
                let (before, rest) = ours.split_once(" metadata_snap=").unwrap();
                ours = format!("{before}>{}", rest.split_once('>').unwrap().1);
            }
            assert_eq!(ours, xml);
        }
    }
}

/// The ranges of a borg map: begin, length and word, which must go from 0 to `size` without gaps.
fn borg(map: &str, size: u64) -> Vec<(u64, u64, &str)> {
    let mut end = 0;
    let mut ranges = Vec::new();
    for line in map.lines() {
        let [start, length, word] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let (start, length) = (start.parse::<u64>().unwrap(), length.parse::<u64>().unwrap());
        assert!(start == end && length > 0 && ["data", "zero", "same"].contains(&word), "{line}");
        end += length;
        ranges.push((start, length, word));
    }
    assert_eq!(end, size);
    ranges
}

#[test]
fn maps_of_the_real_pool() {
    let files = real_pool();
    let (base, new) = (unpacked("fixtures/base.img.zst"), unpacked("fixtures/new.img.zst"));
    let list = |arguments: &[&str]| files.text(&[&["--list", "--size", "64M"], arguments].concat());
    let json = list(&["--map", "json", "2", "3"]);
    assert_eq!(json, list(&["--json", "2", "3"]));

    for (names, base) in [(&["2", "3"][..], Some(&base)), (&["3"], None)] {
        let map = list(&[&["--map", "borg"], names].concat());
        let ranges = borg(&map, 64 << 20);
        for (start, length, word) in &ranges {
            let part = |image: &[u8]| image[*start as usize..][..*length as usize].to_vec();
            match *word {
                "same" => assert!(Some(part(&new)) == base.map(|base| part(base))),
                "zero" => assert!(part(&new).iter().all(|&byte| byte == 0)),
                _ => {}
            }
        }
        let data: u64 = ranges.iter().filter(|range| range.2 == "data").map(|range| range.1).sum();
        assert_eq!(data, if base.is_some() { 8 } else { 15 } * CHUNK);
    }

    let rbd = |extents: &[(u64, u64, bool)]| {
        let object = |(begin, length, exists): &(u64, u64, bool)| {
            let (offset, length) = (begin * CHUNK, length * CHUNK);
            format!("{{\"offset\":{offset},\"length\":{length},\"exists\":\"{exists}\"}}")
        };
        format!("[{}]\n", extents.iter().map(object).collect::<Vec<_>>().join(","))
    };
    let (yes, no) = (true, false);
    let changed = [(2, 3, yes), (11, 1, yes), (100, 2, no), (200, 2, yes), (500, 1, yes)];
    let changed = [&changed[..], &[(1000, 1, no), (1022, 1, yes)]].concat();
    assert_eq!(list(&["--map", "rbd", "2", "3"]), rbd(&changed));
    let mapped = [(0, 5, yes), (10, 3, yes), (102, 1, yes), (200, 2, yes), (500, 2, yes)];
    let mapped = [&mapped[..], &[(1022, 2, yes)]].concat();
    assert_eq!(list(&["--map", "rbd", "3"]), rbd(&mapped));
    assert_eq!(list(&["--map", "rbd", "3", "3"]), "[]\n");
}

#[test]
fn a_borg_map_ends_where_the_volume_ends() {
    let files = real_pool();
    let map = |sizes: &[&str], names: &[&str]| {
        files.text(&[&["--list", "--map", "borg"], sizes, names].concat())
    };
    // Within chunk 102, which is mapped in both alike.
    let size = 102 * CHUNK + 512;
    let text = map(&["--size", &size.to_string()], &["2", "3"]);
    assert_eq!(borg(&text, size).last(), Some(&(102 * CHUNK, 512, "same")));
    // The base ends before chunk 102, so there it holds nothing; after chunk 102 the target neither.
    let (base, size) = ((101 * CHUNK).to_string(), 150 * CHUNK);
    let text = map(&["--size", &size.to_string(), "--base-size", &base], &["2", "3"]);
    let end = [
        (100 * CHUNK, 2 * CHUNK, "zero"),
        (102 * CHUNK, CHUNK, "data"),
        (103 * CHUNK, 47 * CHUNK, "zero"),
    ];
    let ranges = borg(&text, size);
    let from_100: Vec<_> = ranges.iter().filter(|range| range.0 >= 100 * CHUNK).collect();
    let zeros = from_100.iter().filter(|range| range.2 == "zero").map(|range| range.1);
    assert_eq!(zeros.sum::<u64>(), end[0].1 + end[2].1);
    assert!(from_100.contains(&&end[1]) && from_100.contains(&&end[2]), "{text}");
}

#[test]
fn what_a_format_cannot_carry_is_refused() {
    let files = real_pool();
    let refused = |arguments: &[&str], why: &str| {
        let output = files.lvdiff(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{stderr}");
        assert!(stderr.contains(why), "{stderr}");
    };
    let sizes = ["--size", "64M", "--base-size", "32M", "2", "3"];
    refused(&[&["--format", "hyperlayer-1.0"], &sizes[..]].concat(), "cannot resize");
    refused(&["--format", "hyperlayer-1.0", "--pair", "Name:x", "2", "3"], "a key of the header");
    refused(&["--format", "hyperlayer-1.0", "3"], "starts from a base");
}

/// What a HYPERLAYER/1.0 stream makes of a volume whose base is proved by it; and how many ranges
/// of the base prove it, of whole chunks, as the original lvpatch reads them.
fn apply_hyperlayer_1(stream: &[u8], image: &mut [u8], chunk: usize) -> usize {
    let mut rest = stream;
    let (mut announced, mut level) = (None, 0);
    assert_eq!(next_line(&mut rest), "HYPERLAYER/1.0");
    loop {
        match next_line(&mut rest).split_once(": ") {
            Some(("Delta blocks", count)) => announced = Some(count.parse::<u64>().unwrap()),
            Some(("Detect level", text)) => level = text.parse().unwrap(),
            Some(_) => {}
            None => break,
        }
    }
    let range = |words: &[&str]| {
        let number = |text| usize::from_str_radix(text, 16).unwrap() * 512;
        number(words[1])..number(words[1]) + number(words[2])
    };
    let mut proofs = 0;
    while level > 0 && !rest.starts_with(b"\n") {
        let line = next_line(&mut rest);
        let words: Vec<_> = line.split(' ').collect();
        let ["D", _, _, "CRC32", crc] = words[..] else { panic!("{line}") };
        let range = range(&words);
        assert!(!range.is_empty() && range.start % chunk == 0 && range.len() % chunk == 0);
        assert_eq!(format!("{:x}", crc32fast::hash(&image[range])), crc);
        proofs += 1;
    }
    assert!(level == 0 || next_line(&mut rest).is_empty());
    let mut chunks = 0;
    while !rest.is_empty() {
        let line = next_line(&mut rest);
        let words: Vec<_> = line.split(' ').collect();
        assert_eq!((words.len(), words[0]), (3, "W"));
        let range = range(&words);
        let (data, behind) = rest.split_at(range.len());
        assert!(range.start % chunk == 0 && range.len() == chunk.min(image.len() - range.start));
        image[range].copy_from_slice(data);
        rest = behind.strip_prefix(b"\n").unwrap();
        chunks += 1;
    }
    assert_eq!(announced, Some(chunks));
    proofs
}

/// A line without its end, taken away.
fn next_line<'a>(rest: &mut &'a [u8]) -> &'a str {
    let end = rest.iter().position(|&byte| byte == b'\n').unwrap();
    let (line, behind) = rest.split_at(end);
    *rest = &behind[1..];
    str::from_utf8(line).unwrap()
}

/// What a thin_send stream makes of a volume.
fn apply_thin_send(stream: &[u8], image: &mut [u8]) {
    let mut place = 0;
    let mut number = |size: usize| {
        let bytes = &stream[place..place + size];
        place += size;
        bytes.iter().fold(0_u64, |number, &byte| number << 8 | u64::from(byte)) as usize
    };
    let mut counts = [0; 3];
    loop {
        assert_eq!(number(8), 0x24c4_f02a_ae2e_4fa9);
        let (offset, length, command) = (number(8), number(8), number(4));
        counts[0] += 1;
        match command {
            0 => {
                counts[1] += 1;
                (offset..offset + length).for_each(|byte| image[byte] = number(1) as u8);
            }
            1 => {
                counts[2] += 1;
                image[offset..offset + length].fill(0);
            }
            2 => assert_eq!((counts[0], offset, length), (1, 0, 0)),
            3 => {
                assert_eq!((offset, length), (0, 24));
                assert_eq!([number(8), number(8), number(8)], counts);
                break;
            }
            _ => panic!("command {command}"),
        }
    }
    assert_eq!(place, stream.len());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: system_tests::cases(24),
        failure_persistence: None,
        ..Default::default()
    })]

    /// Chunks larger than what is read at once, too, and volumes that end within a chunk.
    #[test]
    fn streams_of_any_history_make_the_target(
        sectors in prop::sample::select(vec![128_u32, 384, 3072]),
        seed in any::<u64>(),
        cut in 0..128_u64,
        level in 0..4_u8,
    ) {
        let chunk = u64::from(sectors) * 512;
        let mut dice = Random::new(seed);
        let mut pool = Pool::new(Shape { max_entries: 6, data_block_sectors: sectors });
        pool.create(1);
        let mut steps = |pool: &mut Pool, count| {
            for _ in 0..count {
                let block = dice.below(12);
                if dice.below(3) == 0 { pool.discard(1, block) } else { pool.write(1, block) }
            }
        };
        steps(&mut pool, 14);
        pool.snapshot(1, 2);
        steps(&mut pool, 6);
        let image = pool.image();
        let files = Files::new(&image);
        // A data block in three is zeros, and one in three begins with them.
        let data: Vec<u8> = (0..30 * chunk).map(|place| match (place / chunk % 3, place % chunk) {
            (0, _) => 0,
            (1, place) if place < chunk / 2 => 0,
            _ => (place / chunk + place / 512 % 7 + 1) as u8,
        }).collect();
        fs::write(files.path("data"), &data).unwrap();
        let size = 12 * chunk - cut * 512;
        let metadata = Metadata::open(&image[..], image.len() as u64, View::Live).unwrap();
        let content = |id: u64| {
            let mut content = vec![0; 12 * chunk as usize];
            for mapping in metadata.mappings(id.try_into().unwrap()).unwrap().iter() {
                let (thin, block) = mapping.unwrap();
                let from = &data[(block.get() * chunk) as usize..][..chunk as usize];
                content[(thin.get() * chunk) as usize..][..chunk as usize].copy_from_slice(from);
            }
            content.truncate(size as usize);
            content
        };
        let (base, target) = (content(2), content(1));
        let diff = |format, base: Option<u64>, level| {
            let source = FilesSource {
                metadata: files.path("metadata"),
                data: Some(files.path("data")),
                base: base.map(|id| id.try_into().unwrap()),
                target: 1_u64.try_into().unwrap(),
                size: Some(size),
                base_size: None,
                direct: false,
            };
            library::diff(&source, format, level, Detail::default())
        };

        let stream = diff(StreamFormat::Hyperlayer1, Some(2), level);
        let mut image = base.clone();
        let proofs = apply_hyperlayer_1(&stream, &mut image, chunk as usize);
        prop_assert!(image == target);
        prop_assert!(proofs == 0 || level != 0);
        prop_assert!(proofs <= 1 || level != 1);

        let stream = diff(StreamFormat::ThinSend, Some(2), 0);
        let mut image = base.clone();
        apply_thin_send(&stream, &mut image);
        prop_assert!(image == target);

        let stream = diff(StreamFormat::ThinSend, None, 0);
        let mut image = vec![0; base.len()];
        apply_thin_send(&stream, &mut image);
        prop_assert!(image == target);
    }
}
