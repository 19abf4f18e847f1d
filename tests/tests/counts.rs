//! What the programs ask of the kernel for inputs that are always the same: how often they read, write, sleep, wake
//! and take memory, how many threads they start, and how much memory they have.
//!
//! No time is measured. What is read and written follows from the input alone: where a comment says "always", the
//! bound is today's number. How often threads wait for each other, and what they read together, depends on how they
//! take turns, and so a little on what else the machine does: these were measured ten times and more, idle and
//! beside four busy loops, and the bound is less than twice the most. It holds as well where each read and write
//! takes 5 ms longer, although the page cache has what was written just before. [`Calls`] keeps a program on one
//! processor, so that nothing depends on how many there are.

mod watched;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use hyperlayer::{Encoder, Header};
use system_tests::calls::Calls;
use system_tests::programs;
use thinmeta::testing::{Layout, Pool, Random, Shape};
use watched::Watched;

const CHUNK: u64 = 64 << 10;

/// Says what was counted (`cargo test -- --nocapture`), and fails where it is more than the bound.
#[track_caller]
fn at_most(bound: u64, what: &str, counted: u64) {
    eprintln!("{what}: {counted} of at most {bound}");
    assert!(counted <= bound, "{what}: {counted}, expected at most {bound}");
}

/// Runs a program that must succeed; yields what it called.
#[track_caller]
fn calls(program: &str, arguments: &[&str], stdin: Option<&Path>) -> Calls {
    let program = programs::dir().unwrap().join(program);
    let stdin = stdin.map_or_else(Stdio::null, |path| File::open(path).unwrap().into());
    let (output, calls) = Calls::of(&program, arguments, stdin).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    calls
}

/// A folder with files.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn name(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn size(&self, name: &str) -> u64 {
        fs::metadata(self.path(name)).unwrap().len()
    }
}

/// Metadata of 2 M mappings, as it is after years: its nodes lie in no order. Of device 1, device 2 is a snapshot
/// in which nothing has changed, 3 one with 100 changes, and 4 one with 10,000.
fn metadata() -> Place {
    let place = Place::new();
    let mut random = Random::new(1);
    let mut pool = Pool::new(Shape::default());
    let blocks = pool.create_volume(1, 2_000_000, &mut random);
    for (id, changes) in [(2, 0), (3, 100), (4, 10_000)] {
        pool.snapshot(1, id);
        pool.write_scattered(id, &blocks, (changes, 1), &mut random);
    }
    fs::write(place.path("metadata"), pool.image_in(Layout::Shuffled(1))).unwrap();
    place
}

#[test]
fn a_list_reads_the_nodes_that_differ() {
    let place = metadata();
    let metadata = place.name("metadata");
    for (id, options, [reads, kib, threads, futexes, memory, peak]) in [
        // Always 7, 268 and 11,493 reads, of a node each: were what two trees share read as well, they would be
        // 8,000 and more. Through the page cache, nothing is worth a thread. 29 to 33 calls for memory, of which
        // most are those of any program that starts; with one for each node there would be thousands. 8.2 MiB.
        ("2", &[][..], [7, 7 * 4, 0, 0, 50, 12 << 10]),
        ("3", &[], [268, 268 * 4, 0, 0, 50, 12 << 10]),
        ("4", &[], [11_493, 11_493 * 4, 0, 0, 50, 12 << 10]),
        // Past it, nodes are read ahead: by threads, but only once enough is announced.
        ("2", &["--direct"], [7, 7 * 4, 0, 0, 50, 12 << 10]),
        // 245 to 261 reads, 1.1 to 1.3 MiB, 16 threads, 96 to 370 futex calls, 206 to 211 for memory, 9.7 MiB.
        ("3", &["--direct"], [268, 2_000, 16, 700, 350, 16 << 10]),
        // 3,000 to 7,100 reads, since neighbours are read together, with what is between them: 83 to 119 MiB. 500
        // to 4,900 futex calls; up to 23,000 where a thread is called for each node. 3,800 to 4,300 for memory.
        // 33 MiB, of the windows of nodes that are announced.
        ("4", &["--direct"], [11_493, 160_000, 16, 7_000, 7_000, 48 << 10]),
    ] {
        let of_it = |what: &str| format!("device {id} {}: {what}", options.join(" "));
        let list = ["--list", "--metadata", &metadata, "1", id];
        let calls = calls("lvdiff", &[&list, options].concat(), None);
        let read = calls.on(&metadata).reads();
        at_most(reads, &of_it("reads"), read.count());
        at_most(kib, &of_it("KiB read"), read.bytes() >> 10);
        at_most(threads, &of_it("threads"), calls.threads().count());
        at_most(futexes, &of_it("futex calls"), calls.futexes().count());
        at_most(memory, &of_it("calls for memory"), calls.memory().count());

        let arguments = [&list[..], options].concat();
        let ended = Watched::new("lvdiff").args(arguments).end();
        ended.expect(0);
        at_most(peak, &of_it("KiB of memory"), ended.peak_kib);
    }
}

/// However many extents there are, a list holds none of them but in the few bytes each that all runs hold.
#[test]
fn a_list_is_streamed_in_every_form() {
    let place = Place::new();
    let mut pool = Pool::new(Shape::default());
    pool.create_with(1, (0..1_000_000).map(|block| (2 * block, block)));
    fs::write(place.path("metadata"), pool.image()).unwrap();
    let metadata = place.name("metadata");
    // 10 MiB. As text they are 30 MB, as JSON 54 MB.
    for form in [&["--list"][..], &["--list", "--json"], &["--summary"]] {
        let ended = Watched::new("lvdiff").args(form).args(["--metadata", &metadata, "1"]).end();
        ended.expect(0);
        at_most(16 << 10, &format!("{}: KiB of memory", form.join(" ")), ended.peak_kib);
    }
}

/// A pool with data. Volume 1 has 128 MiB; 64 MiB of them differ from its snapshot, volume 2, in runs of 1 MiB.
fn pool() -> Place {
    let place = Place::new();
    let mut pool = Pool::new(Shape::default());
    pool.create_with(1, (0..2048).map(|block| (block, block)));
    pool.snapshot(1, 2);
    for run in 0..64 {
        (0..16).for_each(|block| pool.write(1, run * 32 + block));
    }
    fs::write(place.path("metadata"), pool.image()).unwrap();
    let data = File::create(place.path("data")).unwrap();
    let mut bytes = vec![0; CHUNK as usize];
    for chunk in 0..2048 + 1024 {
        blake3::Hasher::new().update(&u64::to_le_bytes(chunk)).finalize_xof().fill(&mut bytes);
        data.write_all_at(&bytes, chunk * CHUNK).unwrap();
    }
    place
}

/// What lvdiff calls to make a stream of that pool's volumes.
#[track_caller]
fn make_stream(pool: &Place, out: &str, options: &[&str]) -> Calls {
    let (metadata, data) = (pool.name("metadata"), pool.name("data"));
    let fixed = ["--metadata", &metadata, "--data", &data, "-o", out];
    calls("lvdiff", &[&fixed, options].concat(), None)
}

#[test]
fn a_stream_is_made_in_few_calls() {
    let pool = pool();
    let (metadata, data) = (pool.name("metadata"), pool.name("data"));
    for (options, [reads, kib, writes, threads, futexes, memory, peak]) in [
        // Always a read and a write for each MiB, and 64 reads of 64 KiB for the sample that proves the base: 1.06
        // times what changed. Eight threads for each of the two, one that writes, one for the SHA-1. 3.9 to 6.5
        // futex calls for each MiB; 11 to 20 where a thread is called for each result. 329 to 339 calls for memory:
        // with buffers that are not used again it is one more for each MiB, at least. 32 MiB.
        (&["2", "1"][..], [128, 68 << 10, 65, 18, 680, 550, 48 << 10]),
        // 3.2 to 5.7 futex calls for each MiB, 316 to 347 for memory, 24 to 31 MiB.
        (&["--no-sha1", "2", "1"], [128, 68 << 10, 65, 17, 680, 550, 44 << 10]),
        // 3.9 to 6.8 futex calls for each MiB, 378 to 410 for memory, 51 MiB.
        (&["--compress", "zstd", "2", "1"], [128, 68 << 10, 65, 18, 720, 600, 64 << 10]),
        // The base is read as well. 4.4 to 7.3 futex calls for each MiB, 365 to 403 for memory, 42 MiB.
        (&["--granularity", "4K", "2", "1"], [192, 132 << 10, 65, 18, 720, 600, 60 << 10]),
        // Twice as much, without a base: 2.4 to 4.4 futex calls for each MiB, 202 to 224 for memory; 32 MiB, no
        // more than for the half.
        (&["1"], [128, 128 << 10, 129, 10, 900, 350, 48 << 10]),
    ] {
        let of_it = |what: &str| format!("lvdiff {}: {what}", options.join(" "));
        let place = Place::new();
        let calls = make_stream(&pool, &place.name("stream"), options);
        let read = calls.on(&data).reads();
        at_most(reads, &of_it("reads"), read.count());
        at_most(kib, &of_it("KiB read"), read.bytes() >> 10);
        let written = calls.in_folder(place.0.path()).writes();
        at_most(writes, &of_it("writes"), written.count());
        assert_eq!(written.bytes(), place.size("stream"));
        // Always 2: the file and its folder.
        at_most(2, &of_it("syncs"), calls.syncs().count());
        at_most(threads, &of_it("threads"), calls.threads().count());
        at_most(futexes, &of_it("futex calls"), calls.futexes().count());
        at_most(memory, &of_it("calls for memory"), calls.memory().count());

        let fixed = ["--metadata", &metadata, "--data", &data, "-o", "/dev/null"];
        let ended = Watched::new("lvdiff").args([&fixed, options].concat()).end();
        ended.expect(0);
        at_most(peak, &of_it("KiB of memory"), ended.peak_kib);
    }
}

#[test]
fn a_stream_is_applied_in_few_calls() {
    let (pool, place) = (pool(), Place::new());
    make_stream(&pool, &place.name("full"), &["2"]);
    make_stream(&pool, &place.name("diff"), &["2", "1"]);
    let image = place.name("image");
    for (stream, arguments, [stream_kib, reads, kib, writes, syncs, threads, futexes, memory]) in [
        // Of 128 MiB. Always 130 reads, and a thread that reads ahead. 1.0 to 2.4 futex calls for each MiB, 48 to 62
        // for memory.
        ("full", &["--verify"][..], [131_200, 140, 0, 0, 0, 1, 500, 90]),
        // Always 131 reads, a write for each MiB, three syncs. 5.4 to 8.9 futex calls for each MiB, 104 to 108 for
        // memory.
        ("full", &["--device", &image], [131_500, 140, 128 << 10, 128, 3, 5, 1_400, 180]),
        // What is a base now gets 64 MiB. The stream is read twice, since all of it is verified before the first
        // write, and 64 chunks are read to prove the base: always 197 reads. A write for each MiB, one sync. 7.7 to
        // 11.6 futex calls for each MiB, 291 to 296 for memory.
        ("diff", &["--device", &image], [131_500, 210, 64 << 10, 64, 1, 14, 1_100, 500]),
    ] {
        let of_it = |what: &str| format!("lvpatch {} of {stream}: {what}", arguments[0]);
        let path = place.path(stream);
        let calls = calls("lvpatch", arguments, Some(&path));
        let input = calls.on(&path).reads();
        at_most(stream_kib, &of_it("KiB read of the stream"), input.bytes() >> 10);
        at_most(reads, &of_it("reads"), calls.in_folder(place.0.path()).reads().count());
        let written = calls.in_folder(place.0.path()).writes();
        at_most(writes, &of_it("writes"), written.count());
        at_most(kib, &of_it("KiB written"), written.bytes() >> 10);
        at_most(syncs, &of_it("syncs"), calls.syncs().count());
        at_most(threads, &of_it("threads"), calls.threads().count());
        at_most(futexes, &of_it("futex calls"), calls.futexes().count());
        at_most(memory, &of_it("calls for memory"), calls.memory().count());
    }
}

/// Writes a stream of this many records, each of a sector, and with an index.
fn write_records(path: &Path, records: u64) {
    let header = Header {
        extents: records,
        changed_bytes: records * 512,
        ..hyperlayer::testing::header(records * 1024)
    };
    let mut encoder = Encoder::new(Vec::new(), &header, &[]).unwrap();
    for number in 0..records {
        encoder.data(number * 1024, &[number as u8 | 1; 512]).unwrap();
    }
    fs::write(path, encoder.finish().unwrap().0).unwrap();
}

#[test]
fn what_is_said_of_a_stream_is_read_from_its_ends() {
    let place = Place::new();
    let path = place.path("stream");
    for records in [2_000, 20_000] {
        write_records(&path, records);
        let calls = calls("lvpatch", &["--info", path.to_str().unwrap()], None).on(&path);
        // Always 6 reads of 8,718 bytes and 5 seeks, however long the stream is: were all of it read, they would be
        // 1.2 and 12 MB.
        at_most(6, &format!("{records} records: reads"), calls.reads().count());
        at_most(10_000, &format!("{records} records: bytes read"), calls.reads().bytes());
        at_most(5, &format!("{records} records: seeks"), calls.seeks().count());
    }
}
