//! A new target is an `impl Target`: streams that follow one another are applied to a target that the crate
//! does not know, using only the public API.

use std::cell::RefCell;
use std::fs::File;
use std::io::Write;

use blockio::testing::Memory;
use blockio::{ReadAt, Storage};
use flow::{Interrupt, Quiet};
use hyperlayer::{Encoder, Header, LEAF_BYTES, Roots, Totals, TreeHasher, Volume};
use patch::{Applier, Cut, Extras, Ground, Made, Target, Whole};
use streams::{Chain, Link, Rules, Sources};

const SIZE: u64 = 1 << 20;

/// Memory, and what was asked of it.
struct InMemory<'a> {
    memory: &'a Memory,
    asked: &'a RefCell<Vec<String>>,
}

impl InMemory<'_> {
    fn note(&self, what: &str, count: usize) {
        self.asked.borrow_mut().push(format!("{what} {count}"));
    }
}

impl Target for InMemory<'_> {
    fn begin(&mut self, _link: &Link, count: usize) -> anyhow::Result<()> {
        self.note("begin", count);
        Ok(())
    }

    fn ground(&mut self, link: &Link, count: usize) -> anyhow::Result<Ground> {
        self.note("ground", count);
        Ok(Ground::plain(link.header()))
    }

    fn write(&mut self, link: &mut Link, ground: Ground, count: usize) -> anyhow::Result<Totals> {
        self.note("write", count);
        let interrupt = Interrupt::default();
        let applier = Applier::new(self.memory, "memory", ground, &interrupt);
        applier.apply_all(&link.name, &mut link.decoder, &Quiet, Extras::default())
    }

    fn root(&mut self, size: u64) -> anyhow::Result<[u8; 32]> {
        self.note("root", 0);
        let mut content = vec![0; size as usize];
        self.memory.read_at(0, &mut content)?;
        let mut tree = TreeHasher::new(size);
        for (number, leaf) in (0..).zip(content.chunks(LEAF_BYTES)) {
            tree.leaf(number, TreeHasher::leaf_digest(leaf));
        }
        Ok(tree.finish())
    }

    fn finish(self) -> anyhow::Result<Made> {
        self.note("finish", 0);
        Ok(Made { name: "memory".into(), uuid: None })
    }

    fn abandon(self, error: anyhow::Error, count: usize) -> anyhow::Error {
        self.note("abandon", count);
        error.context("memory")
    }
}

/// A stream between two volumes, which writes a block of `byte` at `offset`.
fn stream(base: Option<&str>, target: &str, offset: u64, byte: u8) -> Vec<u8> {
    stream_to(base, target, offset, byte, None)
}

/// Like [`stream`], with the root digest of the target.
fn stream_to(
    base: Option<&str>,
    target: &str,
    offset: u64,
    byte: u8,
    root: Option<[u8; 32]>,
) -> Vec<u8> {
    let volume =
        |name: &str| Volume { name: name.into(), uuid: format!("uuid-{name}"), size: SIZE };
    let header = Header {
        base: base.map(volume),
        target: volume(target),
        changed_bytes: 65536,
        ..hyperlayer::testing::header(SIZE)
    };
    let mut encoder = Encoder::new(Vec::new(), &header, &[]).unwrap();
    encoder.data(offset, &[byte; 4096]).unwrap();
    encoder.roots(Roots { base: None, target: root });
    encoder.finish().unwrap().0
}

fn apply(streams: &[Vec<u8>], memory: &Memory) -> (anyhow::Result<patch::Done>, Vec<String>) {
    apply_whole(streams, memory, Whole::Taken)
}

fn apply_whole(
    streams: &[Vec<u8>],
    memory: &Memory,
    whole: Whole,
) -> (anyhow::Result<patch::Done>, Vec<String>) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&streams.concat()).unwrap();
    let mut sources = Sources::default();
    sources.take("file", File::open(file.path()).unwrap());
    let rules =
        Rules::strict(&|foreign| anyhow::bail!("{} is not what is read here", foreign.format));
    let interrupt = Interrupt::default();
    let mut chain = Chain::new(sources, &rules, &interrupt);
    let first = chain.first().unwrap();
    let asked = RefCell::default();
    let done =
        patch::run(InMemory { memory, asked: &asked }, &mut chain, first, Cut::Refused, whole);
    (done, asked.into_inner())
}

#[test]
fn streams_are_applied_to_any_target() {
    let memory = Memory::new(vec![0; SIZE as usize]);
    let streams = [stream(None, "mon", 0, 7), stream(Some("mon"), "tue", 65536, 8)];
    let (done, asked) = apply(&streams, &memory);
    let done = done.unwrap();
    assert_eq!((done.made.name.as_str(), done.tally.streams), ("memory", 2));
    assert_eq!((done.tally.totals.data_bytes, done.tally.is_open), (8192, false));
    assert!(done.stream_digest.is_some());
    let expected = ["begin 0", "ground 0", "write 0", "begin 1", "ground 1", "write 1", "finish 0"];
    assert_eq!(asked, expected);
    let mut bytes = [0; 1];
    for (place, byte) in [(4095, 7), (4096, 0), (65536, 8)] {
        memory.read_at(place, &mut bytes).unwrap();
        assert_eq!(bytes, [byte], "{place}");
    }
    assert_eq!(memory.size(), SIZE);
}

#[test]
fn a_target_is_abandoned_when_a_stream_is_damaged() {
    let memory = Memory::new(vec![0; SIZE as usize]);
    let mut second = stream(Some("mon"), "tue", 65536, 8);
    second.truncate(second.len() - 1);
    let (done, asked) = apply(&[stream(None, "mon", 0, 7), second], &memory);
    assert_eq!(done.unwrap_err().to_string(), "memory");
    assert_eq!(asked.last().unwrap(), "abandon 1");
    assert!(!asked.contains(&"finish 0".into()));
}

#[test]
fn what_became_of_it_is_held_against_the_last_streams_root() {
    let mut content = vec![0; SIZE as usize];
    content[..4096].fill(1);
    content[65536..69632].fill(2);
    let mut tree = TreeHasher::new(SIZE);
    for (number, leaf) in (0..).zip(content.chunks(LEAF_BYTES)) {
        tree.leaf(number, TreeHasher::leaf_digest(leaf));
    }
    let root = tree.finish();
    let chain = |root| {
        let full = stream_to(None, "monday", 0, 1, None);
        vec![full, stream_to(Some("monday"), "tuesday", 65536, 2, root)]
    };
    let whole = |streams: &[Vec<u8>]| {
        apply_whole(streams, &Memory::new(vec![0; SIZE as usize]), Whole::Proved)
    };
    let (done, asked) = whole(&chain(Some(root)));
    assert_eq!(done.unwrap().root, Some(root));
    assert_eq!(asked[asked.len() - 2..], ["root 0", "finish 0"]);

    let (done, asked) = whole(&chain(Some([7; 32])));
    let error = done.unwrap_err();
    assert!(format!("{error:#}").contains("its root digest is"), "{error:#}");
    assert_eq!(asked[asked.len() - 2..], ["root 0", "abandon 2"]);

    // A stream without a root digest.
    let (done, asked) = whole(&chain(None));
    let error = done.unwrap_err();
    let refusal = error.chain().find_map(|cause| cause.downcast_ref::<flow::Refusal>()).unwrap();
    assert_eq!(refusal.kind(), flow::Kind::Unverifiable);
    assert_eq!(asked.last().unwrap(), "abandon 2");
}
