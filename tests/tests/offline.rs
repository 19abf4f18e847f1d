//! lvdiff and lvpatch on files: no kernel, no LVM, no root.

mod library;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use diff::{Detail, StreamFormat};
use hyperlayer::{Decoder, Header, Record, Records};
use proptest::prelude::*;
use serde_json::{Value, json};
use source::FilesSource;
use system_tests::programs;
use thinmeta::testing::{Pool, Shape};
use thinmeta::{Metadata, ThinId, View};

/// A folder with a pool's metadata and data as files, and the content of a base and a target.
struct Files {
    folder: tempfile::TempDir,
    chunk_size: u64,
    base: Vec<u8>,
    target: Vec<u8>,
}

impl Files {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn lvdiff(&self, arguments: &[&str]) -> Output {
        let mut command = program("lvdiff");
        command.arg("--metadata").arg(self.path("metadata"));
        command.arg("--data").arg(self.path("data")).args(arguments).output().unwrap()
    }

    /// Two of its volumes, of the size that the base has.
    fn source(&self, base: Option<u64>, target: u64) -> FilesSource {
        FilesSource {
            metadata: self.path("metadata"),
            data: Some(self.path("data")),
            base: base.map(|id| id.try_into().unwrap()),
            target: target.try_into().unwrap(),
            size: Some(self.base.len() as u64),
            base_size: None,
            direct: false,
        }
    }

    /// What a file with this content holds once `stream` has been applied to it.
    fn applied(&self, content: &[u8], stream: &[u8]) -> Vec<u8> {
        let (image, diff) = (self.path("image"), self.path("diff"));
        fs::write(&image, content).unwrap();
        fs::write(&diff, stream).unwrap();
        library::apply(&diff, &image).unwrap();
        fs::read(&image).unwrap()
    }

    /// Applies `stream` to a file with this content; yields what that holds afterwards.
    fn patched(&self, content: &[u8], stream: &[u8], arguments: &[&str]) -> (Output, Vec<u8>) {
        let (image, diff) = (self.path("image"), self.path("diff"));
        fs::write(&image, content).unwrap();
        fs::write(&diff, stream).unwrap();
        let output = program("lvpatch")
            .arg("--device")
            .arg(&image)
            .args(arguments)
            .stdin(File::open(&diff).unwrap())
            .output()
            .unwrap();
        (output, fs::read(&image).unwrap())
    }
}

/// What a stream makes of a volume that holds `content`, and its header. After its end, the volume
/// holds nothing.
fn applied(content: &[u8], stream: &[u8]) -> (Header, Vec<u8>) {
    let (header, image) = applied_by_us(content, stream);
    // A reader that was made from the text of the format agrees in all.
    let read = system_tests::reader::read(stream).unwrap();
    assert_eq!(read.length, stream.len());
    assert!(read.apply(content) == image);
    assert_eq!((&read.target.name, read.target.size), (&header.target.name, header.target.size));
    // Its index leads to every record, and to nothing else.
    let (mut frames, mut covered) = (read.index.iter(), 0);
    let mut last = (0, 0);
    for record in &read.records {
        while record.offset >= covered {
            let (offset, length, _) = *frames.next().expect("the index goes on");
            assert!(offset >= last.0 + last.1 && offset == record.offset);
            (last, covered) = ((offset, length), offset + length);
        }
        assert!(record.offset + record.length <= covered);
    }
    assert!(frames.next().is_none());
    (header, image)
}

fn applied_by_us(content: &[u8], stream: &[u8]) -> (Header, Vec<u8>) {
    let mut decoder = Decoder::new(stream).unwrap();
    let header = decoder.header().clone();
    let mut image = content.to_vec();
    image.resize(header.target.size as usize, 0);
    while let Some(record) = decoder.next_record().unwrap() {
        let range = &mut image[record.offset() as usize..][..record.length() as usize];
        match record {
            Record::Data { bytes, .. } => range.copy_from_slice(bytes),
            Record::Zero { .. } | Record::Discard { .. } => range.fill(0),
        }
    }
    decoder.finish().unwrap();
    // What both volumes hold as a whole, by code that has no part in ours.
    if let Some(root) = decoder.roots().target {
        assert_eq!(root, system_tests::root::digest(&image));
        let base = header.base.as_ref().map(|base| {
            let mut base_content = content.to_vec();
            base_content.resize(base.size as usize, 0);
            system_tests::root::digest(&base_content)
        });
        assert_eq!(decoder.roots().base, base);
    }
    (header, image)
}

fn program(name: &str) -> Command {
    let mut command = Command::new(programs::dir().unwrap().join(name));
    command.stdin(Stdio::null());
    command
}

fn expect(output: &Output, code: i32) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    stderr
}

fn unpacked(path: &str) -> Vec<u8> {
    let file = File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let mut bytes = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(file).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

/// The real pool: device 2 is the base, 3 the target. Its data device is put together from what
/// the two snapshots read as.
fn real_pool() -> Files {
    const CHUNK: usize = 65536;
    let folder = tempfile::tempdir().unwrap();
    let metadata = unpacked("../crates/thinmeta/tests/fixtures/tmeta.img.zst");
    let (base, target) = (unpacked("fixtures/base.img.zst"), unpacked("fixtures/new.img.zst"));
    fs::write(folder.path().join("metadata"), &metadata).unwrap();
    let data = File::create(folder.path().join("data")).unwrap();
    let pool = Metadata::open(&metadata[..], metadata.len() as u64, View::Live).unwrap();
    for (id, content) in [(2_u64, &base), (3, &target)] {
        for mapping in pool.mappings(ThinId::try_from(id).unwrap()).unwrap().iter() {
            let (thin, block) = mapping.unwrap();
            let begin = thin.get() as usize * CHUNK;
            let chunk = &content[begin..begin + CHUNK];
            data.write_all_at(chunk, block.get() * CHUNK as u64).unwrap();
        }
    }
    Files { folder, chunk_size: CHUNK as u64, base, target }
}

#[test]
fn a_real_pools_snapshots_become_each_other_at_every_level() {
    let files = real_pool();
    for level in ["0", "1", "2", "3"] {
        let there = files.lvdiff(&["-q", "-d", level, "2", "3"]);
        assert_eq!(expect(&there, 0), "");
        let (output, after) = files.patched(&files.base, &there.stdout, &[]);
        expect(&output, 0);
        assert!(after == files.target, "level {level}");

        let back = files.lvdiff(&["-d", level, "3", "2"]);
        expect(&back, 0);
        let (output, after) = files.patched(&files.target, &back.stdout, &[]);
        expect(&output, 0);
        assert!(after == files.base, "level {level}");
    }
}

#[test]
fn the_list_is_what_thin_delta_says() {
    // different and right_only are changed, left_only is unmapped: blocks 2 to 4, 11, 100 to 101,
    // 200 to 201, 500, 1000, 1022.
    let files = real_pool();
    let expected = [
        (2, 3, "changed"),
        (11, 1, "changed"),
        (100, 2, "unmapped"),
        (200, 2, "changed"),
        (500, 1, "changed"),
        (1000, 1, "unmapped"),
        (1022, 1, "changed"),
    ];
    let line = |(begin, length, kind): &(u64, u64, &str)| {
        format!("{} {} {kind}\n", begin * 65536, length * 65536)
    };
    let lines: String = expected.iter().map(line).collect();
    let output = program("lvdiff")
        .args(["--list", "--metadata"])
        .arg(files.path("metadata"))
        .args(["2", "3"])
        .output()
        .unwrap();
    let stderr = expect(&output, 0);
    assert_eq!(rows(&output), lines);
    let totals = "thin id 2 -> thin id 3: 7 extents, 512.0 KiB changed (0.8% of the volume), 192.0 KiB unmapped";
    assert!(stderr.trim_end().ends_with(totals) && stderr.lines().count() == 1, "{stderr}");
    assert_eq!(expect(&files.lvdiff(&["-q", "--list", "2", "3"]), 0), "");

    let object = |(begin, length, kind): &(u64, u64, &str)| json!({ "offset": begin * 65536, "length": length * 65536, "kind": kind });
    let side = |id| json!({ "name": null, "uuid": null, "thin_id": id, "size": 64 << 20 });
    let totals = json!({
        "extents": 7, "changed_bytes": 512 << 10, "changed_percent": 0.781, "unmapped_bytes": 192 << 10
    });
    let list = json!({
        "base": side(2),
        "volume": side(3),
        "chunk_size": 65536,
        "totals": totals,
        "extents": expected.iter().map(object).collect::<Vec<_>>(),
    });
    for option in ["--json", "--map=json"] {
        let output = files.lvdiff(&["--list", option, "2", "3"]);
        assert_eq!(expect(&output, 0), "");
        assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), list);
        // A line for each extent, and one before and after them.
        assert_eq!(output.stdout.iter().filter(|byte| **byte == b'\n').count(), expected.len() + 2);
    }
    // A summary says the same as a whole.
    let output = files.lvdiff(&["--summary", "--json", "2", "3"]);
    expect(&output, 0);
    let mut summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    summary["extents"] = list["extents"].clone();
    assert_eq!(summary, list);

    let output = files.lvdiff(&["--list", "--json", "2", "2"]);
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&list["extents"], &list["totals"]["extents"]), (&json!([]), &json!(0)));
}

/// The rows of a list, without the headings, with one space between the columns.
fn rows(output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut lines = text.lines().map(words);
    assert_eq!(lines.next().unwrap(), "OFFSET LENGTH KIND");
    lines.map(|line| line + "\n").collect()
}

#[test]
fn a_full_stream_has_what_is_mapped() {
    let files = real_pool();
    for (id, content) in [("2", &files.base), ("3", &files.target)] {
        let full = files.lvdiff(&[id]);
        let stderr = expect(&full, 0);
        assert!(stderr.contains(&format!("nothing -> thin id {id}:")), "{stderr}");
        let (header, image) = applied(&[], &full.stdout);
        assert!(image == content[..image.len()], "thin id {id}");
        assert!(content[image.len()..].iter().all(|&byte| byte == 0));
        assert_eq!((&header.base, header.detect_level, header.unmapped_bytes), (&None, 0, 0));

        // The metadata says the same, in another way.
        let metadata = fs::read(files.path("metadata")).unwrap();
        let pool = Metadata::open(&metadata[..], metadata.len() as u64, View::Live).unwrap();
        let id_number: ThinId = id.parse().unwrap();
        let info = pool.devices().unwrap().into_iter().find(|info| info.id == id_number).unwrap();
        assert_eq!(header.changed_bytes, info.mapped_blocks * files.chunk_size);
        let runs: Vec<_> = pool.mappings(id_number).unwrap().runs().map(Result::unwrap).collect();
        let line = |begin, length| format!("{} {} changed\n", begin * 65536, length * 65536);
        let lines: String = runs.iter().map(|run| line(run.begin, run.length)).collect();
        let list = files.lvdiff(&["--list", id]);
        expect(&list, 0);
        assert_eq!(rows(&list), lines);

        fs::write(files.path("full.diff"), &full.stdout).unwrap();
        let full = || File::open(files.path("full.diff")).unwrap();
        expect(&program("lvpatch").arg("--verify").stdin(full()).output().unwrap(), 0);
        let info = program("lvpatch").arg("--info").stdin(full()).output().unwrap();
        expect(&info, 0);
        assert!(String::from_utf8_lossy(&info.stdout).contains(&format!("thin-{id}, ")));
    }
    expect(&files.lvdiff(&["9"]), 2);
    expect(&files.lvdiff(&["-d", "1", "3"]), 2);
}

#[test]
fn pairs_of_files_come_before_those_of_the_command_line() {
    let files = real_pool();
    fs::write(files.path("one"), "# of the host\nHost: b\n\nAt: 12:30\n").unwrap();
    fs::write(files.path("two"), "Host: c").unwrap();
    let head = |name: &str| files.path(name).to_str().unwrap().to_owned();
    let (one, two) = (head("one"), head("two"));
    let diff =
        files.lvdiff(&["--head", &one, "--pair", "Author:Someone", "--head", &two, "2", "3"]);
    expect(&diff, 0);
    let (header, _) = applied(&files.base, &diff.stdout);
    let expected = [("Host", "b"), ("At", "12:30"), ("Host", "c"), ("Author", "Someone")];
    assert_eq!(header.pairs, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
}

#[test]
fn the_sum_on_stderr_is_that_of_the_file() {
    let files = real_pool();
    let diff = files.path("out.diff");
    let output = files.lvdiff(&["-o", diff.to_str().unwrap(), "2", "3"]);
    let stderr = expect(&output, 0);
    assert!(output.stdout.is_empty());
    let sum = Command::new("sha1sum").arg(&diff).output().unwrap();
    let sum = String::from_utf8_lossy(&sum.stdout)[..40].to_owned();
    assert!(stderr.contains(&format!("SHA1: {sum}\n")), "{stderr}");
    assert_eq!(stderr.matches(sum.as_str()).count(), 1);
}

#[test]
fn a_wrong_base_is_refused_and_not_written() {
    let files = real_pool();
    let mut wrong = files.base.clone();
    wrong[501 * 65536 + 7] ^= 1; // in a chunk that the diff does not touch
    let mut stray = files.base.clone();
    stray[700 * 65536] = 1; // in a hole
    let level_3 = files.lvdiff(&["-d", "3", "2", "3"]).stdout;
    for base in [&wrong, &stray] {
        let (output, after) = files.patched(base, &level_3, &[]);
        let stderr = expect(&output, 3);
        assert!(stderr.contains("not the base"), "{stderr}");
        assert!(after == *base);
        expect(&files.patched(base, &level_3, &["--no-base-check"]).0, 0);
    }
    let level_1 = files.lvdiff(&["-d", "1", "2", "3"]).stdout;
    let mut head = files.base.clone();
    head[65535] ^= 1;
    let (output, after) = files.patched(&head, &level_1, &[]);
    assert!(expect(&output, 3).contains("differs at offset 0"));
    assert!(after == head);
    let (output, _) = files.patched(&files.base[512..], &level_1, &[]);
    expect(&output, 3); // another size
}

#[test]
fn a_damaged_file_is_refused_before_anything_is_written() {
    let files = real_pool();
    let stream = files.lvdiff(&["2", "3"]).stdout;
    for place in [0, 20, 100, 5000, stream.len() / 2, stream.len() - 1] {
        let mut damaged = stream.clone();
        damaged[place] ^= 0x10;
        let (output, after) = files.patched(&files.base, &damaged, &[]);
        expect(&output, 4);
        assert!(after == files.base, "byte {place}");
        let (output, after) = files.patched(&files.base, &stream[..place], &[]);
        expect(&output, 4);
        assert!(after == files.base, "cut at {place}");
    }
}

#[test]
fn damaged_metadata_is_exit_5_and_unknown_ids_are_exit_2() {
    let files = real_pool();
    expect(&files.lvdiff(&["2", "9"]), 2);
    expect(&files.lvdiff(&["2", "vol0"]), 2);
    let mut metadata = fs::read(files.path("metadata")).unwrap();
    metadata[100] ^= 1; // in the superblock
    fs::write(files.path("metadata"), metadata).unwrap();
    let stderr = expect(&files.lvdiff(&["2", "3"]), 5);
    assert!(stderr.contains("metadata block 0"), "{stderr}");
}

#[test]
fn nothing_is_left_beside_an_output_that_could_not_be_finished() {
    let files = real_pool();
    let data = File::options().write(true).open(files.path("data")).unwrap();
    data.set_len(5 * 65536).unwrap(); // the pool's data is cut: reading it fails half-way
    fs::write(files.path("kept.diff"), "what was there").unwrap();
    let before = fs::read_dir(files.folder.path()).unwrap().count();
    let kept = files.path("kept.diff");
    expect(&files.lvdiff(&["-o", kept.to_str().unwrap(), "-d", "0", "2", "3"]), 1);
    assert_eq!(fs::read(kept).unwrap(), b"what was there");
    assert_eq!(fs::read_dir(files.folder.path()).unwrap().count(), before);
}

#[test]
fn granularity_sends_the_blocks_that_differ() {
    // One sector in 4096 bytes differs in each of the chunks that changed.
    const CHUNK: u64 = 65536;
    let before: Vec<_> = (0..20).map(|chunk| Change::Write(chunk, 1)).collect();
    let after: Vec<_> = (5..15).map(|chunk| Change::Write(chunk, 1)).collect();
    let files = pool_of(128, 0, &before, &after);
    let pool = fs::read(files.path("metadata")).unwrap();
    let pool = Metadata::open(&pool[..], pool.len() as u64, View::Live).unwrap();
    let data = File::options().write(true).open(files.path("data")).unwrap();
    let mut target = files.target.clone();
    for chunk in 5..15_u64 {
        let mappings = pool.mappings(ThinId::try_from(1).unwrap()).unwrap();
        let block = mappings.get(chunk.into()).unwrap().unwrap().get();
        data.write_all_at(&[0xee; 512], block * CHUNK + 8192).unwrap();
        target[(chunk * CHUNK + 8192) as usize..][..512].fill(0xee);
    }
    let size = (40 * CHUNK).to_string();
    let whole = files.lvdiff(&["-d", "0", "--size", &size, "2", "1"]);
    let blocks = files.lvdiff(&["-d", "0", "--granularity", "4K", "--size", &size, "2", "1"]);
    for diff in [&whole, &blocks] {
        expect(diff, 0);
        let (output, after) = files.patched(&files.base, &diff.stdout, &[]);
        expect(&output, 0);
        assert!(after == target);
    }
    assert!(whole.stdout.len() > 10 * 65536);
    assert!(blocks.stdout.len() < 10 * (4096 + 80) + 1000, "{}", blocks.stdout.len());
    // A chunk that was written with what it held is a difference to the metadata only.
    expect(&files.lvdiff(&["--granularity", "128K", "2", "1"]), 2);
}

/// What happens to a chunk of a device.
#[derive(Clone, Debug)]
enum Change {
    Write(u64, u8),
    Zero(u64),
    Discard(u64),
}

const CHUNKS: u64 = 40;

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        4 => (0..CHUNKS, 1_u8..).prop_map(|(chunk, seed)| Change::Write(chunk, seed)),
        2 => (0..CHUNKS).prop_map(Change::Zero),
        2 => (0..CHUNKS).prop_map(Change::Discard),
    ];
    prop::collection::vec(change, 0..60)
}

/// A pool made by these changes to device 1, with a snapshot, device 2, in between.
fn pool_of(sectors: u32, tail: u64, before: &[Change], after: &[Change]) -> Files {
    let folder = tempfile::tempdir().unwrap();
    let chunk_size = u64::from(sectors) * 512;
    let size = CHUNKS * chunk_size - tail * 512;
    let data = File::create(folder.path().join("data")).unwrap();
    let mut pool = Pool::new(Shape { data_block_sectors: sectors, max_entries: 6 });
    pool.create(1);
    let mut next_block = 0;
    let mut content: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    let mut apply = |pool: &mut Pool, content: &mut BTreeMap<u64, Vec<u8>>, changes: &[Change]| {
        for change in changes {
            let (chunk, bytes) = match *change {
                Change::Discard(chunk) => {
                    pool.discard(1, chunk);
                    content.remove(&chunk);
                    continue;
                }
                Change::Zero(chunk) => (chunk, vec![0; chunk_size as usize]),
                Change::Write(chunk, seed) => {
                    let byte = |place| (place as u64 / 512 % 251) as u8 ^ seed;
                    (chunk, (0..chunk_size as usize).map(byte).collect())
                }
            };
            pool.map(1, chunk, next_block);
            data.write_all_at(&bytes, next_block * chunk_size).unwrap();
            next_block += 1;
            content.insert(chunk, bytes);
        }
    };
    let image = |content: &BTreeMap<u64, Vec<u8>>| {
        let mut image = vec![0; (CHUNKS * chunk_size) as usize];
        for (chunk, bytes) in content {
            image[(chunk * chunk_size) as usize..][..bytes.len()].copy_from_slice(bytes);
        }
        image.truncate(size as usize);
        image
    };
    apply(&mut pool, &mut content, before);
    let base = image(&content);
    pool.snapshot(1, 2);
    apply(&mut pool, &mut content, after);
    let target = image(&content);
    fs::write(folder.path().join("metadata"), pool.image()).unwrap();
    Files { folder, chunk_size, base, target }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: system_tests::cases(24),
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn any_history_arrives(
        // 64 KiB, 192 KiB, 1 MiB and 2.5 MiB: below, beside and above a record's limit.
        sectors in prop::sample::select(vec![128_u32, 384, 2048, 5120]),
        tail in 0_u64..100,
        detect_level in 0..=3_u8,
        (granularity, level, direct) in prop::sample::select(vec![
            (None, None, false),
            (Some(4096), None, false),
            (Some(512), Some(1), false),
            (Some(65536), None, false),
            (None, Some(3), false),
            (None, None, true),
        ]),
        before in changes(),
        after in changes(),
    ) {
        let files = pool_of(sectors, tail, &before, &after);
        let source = FilesSource { direct, ..files.source(Some(2), 1) };
        let detail = Detail { granularity, level };
        let diff = library::diff(&source, StreamFormat::Hyperlayer2, detect_level, detail);
        prop_assert!(files.applied(&files.base, &diff) == files.target);
        let (header, image) = applied(&files.base, &diff);
        prop_assert!(image == files.target && header.base.is_some());
        prop_assert!(header.detect_level == detect_level);

        // From nothing: the whole volume, and no more than what is mapped.
        let source = FilesSource { base: None, ..source };
        let detail = Detail { granularity: None, level };
        let full = library::diff(&source, StreamFormat::Hyperlayer2, 0, detail);
        let (header, image) = applied(&[], &full);
        prop_assert!(image == files.target && header.base.is_none());
        let mapped = files.target.chunks(files.chunk_size as usize);
        let mapped = mapped.filter(|chunk| chunk.iter().any(|&byte| byte != 0)).count() as u64;
        prop_assert!(header.changed_bytes <= (mapped + zeros(&[before, after.clone()])) * files.chunk_size);

        // What changed, and not much more, is in the stream.
        let chunks = after.len() as u64 + 1;
        prop_assert!((diff.len() as u64) < chunks * (files.chunk_size + 400) + 10_000);
    }

    #[test]
    fn volumes_of_any_two_sizes_arrive(
        sectors in prop::sample::select(vec![128_u32, 384, 5120]),
        // Of a volume's size, in 1/1000.
        sizes in (1..1000_u64, 1..1000_u64),
        detect_level in 0..=3_u8,
        granularity in prop::sample::select(vec![None, Some(4096)]),
        before in changes(),
        after in changes(),
    ) {
        let files = pool_of(sectors, 0, &before, &after);
        let bytes = |share: u64| (files.base.len() as u64 * share / 1000).next_multiple_of(512);
        let (base_size, size) = (bytes(sizes.0), bytes(sizes.1));
        let source = FilesSource {
            size: Some(size),
            base_size: Some(base_size),
            ..files.source(Some(2), 1)
        };
        let detail = Detail { granularity, level: None };
        let diff = library::diff(&source, StreamFormat::Hyperlayer2, detect_level, detail);
        let base = &files.base[..base_size as usize];
        let (header, image) = applied(base, &diff);
        prop_assert!(image == files.target[..size as usize]);
        prop_assert_eq!(header.base.unwrap().size, base_size);
        // The digests are of the base as it is.
        if detect_level == 3 {
            let digests = Decoder::new(&diff[..]).unwrap().base_digests().to_vec();
            prop_assert_eq!(digests.len(), 1);
            prop_assert_eq!(digests[0].digest, system_tests::root::digest(base));
        }
    }
}

/// How many chunks may be mapped although they hold zeros.
fn zeros(histories: &[Vec<Change>]) -> u64 {
    histories.iter().flatten().filter(|change| matches!(change, Change::Zero(_))).count() as u64
}
