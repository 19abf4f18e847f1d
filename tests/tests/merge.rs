//! lvdiff --merge: one stream does what several do one after the other.

mod library;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use hyperlayer::{Decoder, Encoder, Header, Packer, Record, Records, Volume};
use proptest::prelude::*;
use system_tests::programs;
use thinmeta::testing::{Pool, Shape};

const SECTOR: usize = 512;

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

fn merge(files: &[PathBuf], options: &[&str]) -> Output {
    program("lvdiff").arg("--merge").args(files).args(options).output().unwrap()
}

/// A thin volume, as simple as can be.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Model {
    chunk: usize,
    /// Zeros map what is unmapped, as in the volume that a stream was made from. Where it is applied,
    /// they need not.
    zeros_map: bool,
    bytes: Vec<u8>,
    mapped: Vec<bool>,
}

impl Model {
    fn resize(&mut self, size: usize) {
        self.bytes.resize(size, 0);
        self.mapped.resize(size.div_ceil(self.chunk), false);
    }

    /// Applies a stream; yields how many chunks it wrote to.
    fn apply(&mut self, decoder: &mut Decoder<&[u8]>) -> usize {
        let header = decoder.header().clone();
        assert_eq!(header.base.as_ref().map_or(0, |base| base.size), self.bytes.len() as u64);
        // As lvpatch does it: what grows does so first, what shrinks last.
        let size = header.target.size as usize;
        self.resize(size.max(self.bytes.len()));
        let mut written = vec![false; self.mapped.len()];
        while let Some(record) = decoder.next_record().unwrap() {
            let (begin, end) =
                (record.offset() as usize, (record.offset() + record.length()) as usize);
            let chunks = begin / self.chunk..end.div_ceil(self.chunk);
            if !matches!(record, Record::Discard { .. }) {
                written[chunks.clone()].fill(true);
            }
            match record {
                Record::Data { bytes, .. } => {
                    self.bytes[begin..end].copy_from_slice(bytes);
                    self.mapped[chunks].fill(true);
                }
                Record::Zero { .. } => {
                    self.bytes[begin..end].fill(0);
                    if self.zeros_map {
                        self.mapped[chunks].fill(true);
                    }
                }
                Record::Discard { .. } => {
                    self.bytes[begin..end].fill(0);
                    // A part of a chunk is never unmapped.
                    let whole = begin.div_ceil(self.chunk)..end / self.chunk;
                    whole.for_each(|chunk| self.mapped[chunk] = false);
                }
            }
        }
        self.resize(size);
        written.iter().filter(|written| **written).count()
    }
}

/// What one stream of a chain does. Numbers are sectors.
#[derive(Clone, Debug)]
struct Step {
    size: usize,
    records: Vec<(usize, usize, Kind)>,
    compressed: bool,
    /// It stands after the stream before it, in the same file.
    joined: bool,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Data(u8),
    Zero,
    Discard,
}

/// A chain of streams, and the volume that it starts from.
#[derive(Clone, Debug)]
struct Chain {
    chunk: usize,
    base: Option<(usize, Vec<bool>)>,
    steps: Vec<Step>,
}

const MOST_CHUNKS: usize = 20;

fn chain() -> impl Strategy<Value = Chain> {
    // 4 KiB, 192 KiB, and 1.5 MiB: below, beside and above a record's limit.
    prop::sample::select(vec![8_usize, 384, 3072]).prop_flat_map(|chunk| {
        // Whole chunks, or not.
        let length = prop_oneof![
            3 => (0_usize..5).prop_map(move |chunks| chunks * chunk),
            2 => 0..3 * chunk,
        ];
        let size = prop_oneof![
            2 => Just(MOST_CHUNKS * chunk),
            2 => (0..=MOST_CHUNKS).prop_map(move |chunks| chunks * chunk),
            3 => 0..MOST_CHUNKS * chunk,
        ];
        let kind =
            prop_oneof![(1_u8..).prop_map(Kind::Data), Just(Kind::Zero), Just(Kind::Discard)];
        let records = prop::collection::vec((length.clone(), length, kind), 0..12);
        let flags = (any::<bool>(), any::<bool>(), any::<bool>());
        let step = (size.clone(), records, flags);
        let base =
            prop::option::weighted(0.8, (size, prop::collection::vec(any::<bool>(), MOST_CHUNKS)));
        (base, prop::collection::vec(step, 1..6)).prop_map(move |(base, steps)| {
            let mut last = base.as_ref().map_or(MOST_CHUNKS * chunk, |base| base.0);
            let step = |(new_size, records, (resized, compressed, joined))| {
                last = if resized { new_size } else { last };
                Step { size: last, records, compressed, joined }
            };
            let steps = steps.into_iter().map(step).collect();
            Chain { chunk, base, steps }
        })
    })
}

fn content(begin: usize, end: usize, seed: u8) -> Vec<u8> {
    (begin..end).map(|place| (place / 7 % 251) as u8 ^ seed).collect()
}

impl Chain {
    fn base(&self) -> Model {
        let (sectors, mapped) = self.base.clone().unwrap_or_default();
        let (chunk, size) = (self.chunk * SECTOR, sectors * SECTOR);
        let mut base = Model { chunk, zeros_map: false, bytes: vec![0; size], mapped };
        base.mapped.truncate(size.div_ceil(chunk));
        for (number, mapped) in base.mapped.iter().enumerate() {
            let (begin, end) = (number * chunk, ((number + 1) * chunk).min(size));
            if *mapped {
                base.bytes[begin..end].copy_from_slice(&content(begin, end, 255));
            }
        }
        base
    }

    fn streams(&self) -> Vec<Vec<u8>> {
        let volume = |number: usize, sectors: usize| Volume {
            name: format!("v{number}"),
            uuid: format!("uuid-{number}"),
            size: (sectors * SECTOR) as u64,
        };
        let mut base = self.base.as_ref().map(|(size, _)| volume(0, *size));
        let mut streams = Vec::new();
        for (number, step) in self.steps.iter().enumerate() {
            let target = volume(number + 1, step.size);
            streams.push(self.stream(step, base.replace(target.clone()), target));
        }
        streams
    }

    fn stream(&self, step: &Step, base: Option<Volume>, target: Volume) -> Vec<u8> {
        // A full stream has nothing to discard.
        let full = base.is_none();
        let mut ranges = Vec::new();
        let mut place = 0;
        for &(gap, length, kind) in &step.records {
            let begin = place + gap;
            let end = (begin + length).min(step.size);
            if begin < end && !(full && matches!(kind, Kind::Discard)) {
                ranges.push((begin * SECTOR, end * SECTOR, kind));
                place = end;
            }
        }
        let sum = |discards: bool| {
            let of_kind = |range: &&(_, _, Kind)| matches!(range.2, Kind::Discard) == discards;
            ranges.iter().filter(of_kind).map(|(begin, end, _)| (end - begin) as u64).sum()
        };
        let header = Header {
            pairs: vec![("Of".into(), target.name.clone())],
            target,
            base,
            chunk_size: (self.chunk * SECTOR) as u64,
            detect_level: 0,
            extents: ranges.len() as u64,
            changed_bytes: sum(false),
            unmapped_bytes: sum(true),
            created: 1,
            ..hyperlayer::testing::header(0)
        };
        let mut encoder = Encoder::new(Vec::new(), &header, &[]).unwrap();
        let mut packer = Packer::new(step.compressed.then_some(1)).unwrap();
        for (begin, end, kind) in ranges {
            let (offset, length) = (begin as u64, (end - begin) as u64);
            match kind {
                Kind::Zero => encoder.zero(offset, length).unwrap(),
                Kind::Discard => encoder.discard(offset, length).unwrap(),
                Kind::Data(seed) => {
                    for begin in (begin..end).step_by(1 << 20) {
                        let bytes = content(begin, end.min(begin + (1 << 20)), seed);
                        let packed = packer.pack(&bytes).unwrap();
                        encoder.packed_data(begin as u64, &bytes, &packed).unwrap();
                    }
                }
            }
        }
        encoder.finish().unwrap().0
    }

    /// The streams in files, some of them several in one.
    fn write(&self, folder: &Path, streams: &[Vec<u8>]) -> Vec<PathBuf> {
        let mut contents: Vec<Vec<u8>> = Vec::new();
        for (stream, step) in streams.iter().zip(&self.steps) {
            match contents.last_mut() {
                Some(last) if step.joined => last.extend(stream),
                _ => contents.push(stream.clone()),
            }
        }
        let write = |(number, content): (usize, Vec<u8>)| {
            let path = folder.join(format!("d{number}"));
            fs::write(&path, content).unwrap();
            path
        };
        contents.into_iter().enumerate().map(write).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: system_tests::cases(96),
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn a_merged_stream_does_what_the_chain_does(
        chain in chain(),
        level in prop::sample::select(vec![None, Some(1)]),
        first_ones in 1_usize..5,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let streams = chain.streams();
        let mut expected = Model { zeros_map: true, ..chain.base() };
        for stream in &streams {
            expected.apply(&mut Decoder::new(stream.as_slice()).unwrap());
        }

        let files = chain.write(folder.path(), &streams);
        let output = library::merge(&files, level);
        let mut decoder = Decoder::new(output.as_slice()).unwrap();
        let header = decoder.header().clone();
        let mut merged = chain.base();
        let written = merged.apply(&mut decoder);
        let totals = decoder.finish().unwrap();
        prop_assert!(merged.bytes == expected.bytes);

        // What is unmapped in the last target is so after the merged stream; but a last chunk that the
        // volume's end cuts off is never unmapped.
        let whole = expected.bytes.len() / expected.chunk;
        for chunk in 0..whole {
            prop_assert!(!merged.mapped[chunk] || expected.mapped[chunk], "chunk {chunk}");
        }
        // There is room for what it writes to, and little more is announced.
        let announced = header.changed_bytes.div_ceil(header.chunk_size) as usize;
        prop_assert_eq!(announced, written);
        prop_assert_eq!(totals.discard_bytes, header.unmapped_bytes);
        let first = Decoder::new(streams[0].as_slice()).unwrap().header().clone();
        let last = Decoder::new(streams.last().unwrap().as_slice()).unwrap().header().clone();
        prop_assert_eq!(&header.base, &first.base);
        prop_assert_eq!(&header.target, &last.target);
        prop_assert_eq!(&header.pairs, &last.pairs);
        if header.base.is_none() {
            prop_assert_eq!(header.unmapped_bytes, 0);
        }

        // Merged in two steps, it is the same.
        let first_ones = first_ones.min(streams.len());
        let (one, two) = (folder.path().join("first"), folder.path().join("then"));
        fs::write(&one, streams[..first_ones].concat()).unwrap();
        fs::write(&two, streams[first_ones..].concat()).unwrap();
        let begun = folder.path().join("begun");
        fs::write(&begun, library::merge(&[one], level)).unwrap();
        let mut parts = vec![begun];
        parts.extend((first_ones < streams.len()).then_some(two));
        let output = library::merge(&parts, None);
        let mut again = chain.base();
        again.apply(&mut Decoder::new(output.as_slice()).unwrap());
        prop_assert!(again.bytes == expected.bytes);
    }
}

/// A pool in two files, with the snapshots 2, 3, 4 and 5 of device 1, taken in this order.
fn pool(folder: &Path) {
    const CHUNK: u64 = 65536;
    let data = File::create(folder.join("data")).unwrap();
    let mut pool = Pool::new(Shape { data_block_sectors: 128, max_entries: 6 });
    pool.create(1);
    let mut next_block = 0;
    let mut write = |pool: &mut Pool, chunks: std::ops::Range<u64>, seed: u8| {
        for chunk in chunks {
            pool.map(1, chunk, next_block);
            let begin = (chunk * CHUNK) as usize;
            let bytes = match seed {
                0 => vec![0; CHUNK as usize],
                _ => content(begin, begin + CHUNK as usize, seed),
            };
            data.write_all_at(&bytes, next_block * CHUNK).unwrap();
            next_block += 1;
        }
    };
    let discard = |pool: &mut Pool, chunks: std::ops::Range<u64>| {
        chunks.for_each(|chunk| pool.discard(1, chunk));
    };
    write(&mut pool, 0..40, 1);
    pool.snapshot(1, 2);
    write(&mut pool, 5..30, 2);
    discard(&mut pool, 30..38);
    write(&mut pool, 50..60, 2);
    pool.snapshot(1, 3);
    write(&mut pool, 10..12, 3);
    write(&mut pool, 14..16, 0);
    discard(&mut pool, 20..22);
    discard(&mut pool, 52..54);
    write(&mut pool, 32..34, 3);
    pool.snapshot(1, 4);
    write(&mut pool, 11..15, 4);
    write(&mut pool, 21..22, 4);
    discard(&mut pool, 33..36);
    pool.snapshot(1, 5);
    fs::write(folder.join("metadata"), pool.image()).unwrap();
}

/// The three increments of the pool, as files.
fn increments(folder: &Path) -> Vec<PathBuf> {
    pool(folder);
    let diff = |base: u32, level: &str| {
        let path = folder.join(format!("d{base}"));
        let output = program("lvdiff")
            .arg("--metadata")
            .arg(folder.join("metadata"))
            .arg("--data")
            .arg(folder.join("data"))
            .args(["--size", "4M", "-d", level, "--pair", &format!("Step:{base}"), "-o"])
            .arg(&path)
            .args([base.to_string(), (base + 1).to_string()])
            .output()
            .unwrap();
        expect(&output, 0);
        path
    };
    vec![diff(2, "3"), diff(3, "2"), diff(4, "1")]
}

fn patched(content: &[u8], stream: &Path, code: i32) -> Vec<u8> {
    let image = stream.with_extension("image");
    fs::write(&image, content).unwrap();
    let output = program("lvpatch")
        .arg("--device")
        .arg(&image)
        .stdin(File::open(stream).unwrap())
        .output()
        .unwrap();
    expect(&output, code);
    fs::read(&image).unwrap()
}

/// The content of snapshot 2.
fn base() -> Vec<u8> {
    let mut base = content(0, 40 * 65536, 1);
    base.resize(4 << 20, 0);
    base
}

#[test]
fn increments_of_a_pool_become_one() {
    let folder = tempfile::tempdir().unwrap();
    let files = increments(folder.path());
    let stepped = files.iter().fold(base(), |content, file| patched(&content, file, 0));
    assert!(stepped != base());

    let merged = folder.path().join("merged");
    let pair = "By:me";
    let output = merge(&files, &["--pair", pair, "-o", merged.to_str().unwrap()]);
    let stderr = expect(&output, 0);
    assert!(stderr.contains("3 streams merged, thin-2 -> thin-5"), "{stderr}");
    let sum = Command::new("sha1sum").arg(&merged).output().unwrap();
    let sum = String::from_utf8_lossy(&sum.stdout)[..40].to_owned();
    assert!(stderr.contains(&format!("SHA1: {sum}\n")), "{stderr}");
    assert!(patched(&base(), &merged, 0) == stepped);

    // The base is proved as the first stream has it.
    let mut stray = base();
    stray[60 * 65536] = 1;
    assert!(patched(&stray, &merged, 3) == stray);

    let info = program("lvpatch").arg("--info").stdin(File::open(&merged).unwrap()).output();
    let info = String::from_utf8(info.unwrap().stdout).unwrap();
    let (step, by) = (info.find("Step: 4").unwrap(), info.find("By: me").unwrap());
    assert!(step < by && !info.contains("Step: 3"), "{info}");

    // It holds no more than the chunks that are to be seen in the end.
    let size = |path: &PathBuf| fs::metadata(path).unwrap().len();
    assert!(size(&merged) < files.iter().map(size).sum());
}

#[test]
fn what_does_not_follow_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let files = increments(folder.path());
    let out = folder.path().join("out");
    let refused = |files: &[&Path], code: i32, words: &[&str]| {
        let files: Vec<_> = files.iter().map(|file| file.to_path_buf()).collect();
        let before = fs::read_dir(folder.path()).unwrap().count();
        let output = merge(&files, &["-o", out.to_str().unwrap()]);
        let stderr = expect(&output, code);
        for word in words {
            assert!(stderr.contains(word), "{word}: {stderr}");
        }
        assert!(!out.exists() && output.stdout.is_empty());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), before);
    };
    let write = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let bytes: Vec<_> = files.iter().map(|file| fs::read(file).unwrap()).collect();

    refused(&[&files[0], &files[2]], 3, &["d4 does not follow", "thin-4", "thin-3"]);
    let both = write("both", &[&bytes[0][..], &bytes[2]].concat());
    refused(&[&both], 3, &["both, stream 2 does not follow", "thin-4", "thin-3"]);

    let cut = write("cut", &bytes[1][..bytes[1].len() - 1]);
    refused(&[&files[0], &cut, &files[2]], 4, &["cut: the stream is cut"]);
    let empty = write("empty", b"");
    refused(&[&files[0], &empty], 4, &["empty: the stream is cut"]);
    for place in [20, 200, 5000, bytes[2].len() / 2, bytes[2].len() - 1] {
        let mut damaged = bytes[2].clone();
        damaged[place] ^= 4;
        let damaged = write("damaged", &damaged);
        refused(&[&files[0], &files[1], &damaged], 4, &["damaged: the stream is damaged"]);
    }
    let more = write("more", &[&bytes[1][..], b"x"].concat());
    refused(&[&files[0], &more], 4, &["more", "not another stream"]);

    refused(&[&files[0], folder.path()], 2, &["not a regular file"]);
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    refused(&[&files[0], &fifo], 2, &["fifo is not a regular file"]);
    refused(&[&files[0], Path::new("/no/such/file")], 1, &["/no/such/file"]);

    // What no other stream can be merged with.
    let changed = |name: &str, change: fn(&mut Header)| {
        let mut header = Decoder::new(bytes[1].as_slice()).unwrap().header().clone();
        (header.detect_level, header.unmapped_bytes) = (0, 0);
        change(&mut header);
        let stream = Encoder::new(Vec::new(), &header, &[]).unwrap().finish().unwrap().0;
        write(name, &stream)
    };
    let undo = changed("undo", |header| header.undo = true);
    refused(&[&files[0], &undo], 2, &["undo is an undo stream"]);
    refused(&[&undo], 2, &["undo is an undo stream"]);
    let chunks = changed("chunks", |header| header.chunk_size = 131_072);
    refused(&[&files[0], &chunks], 2, &["chunks has chunks of 131072 bytes", "65536"]);
    let full = changed("full", |header| header.base = None);
    refused(&[&files[0], &full], 3, &["full does not follow", "full stream"]);
    let size = changed("size", |header| {
        header.base.as_mut().unwrap().size = 512;
    });
    refused(&[&files[0], &size], 3, &["size does not follow", "512 bytes, expected 4194304"]);
}
