//! Root digests of two volumes: what is known of the base is not read again, and what is false is noticed.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use blockio::{Range, ReadAt};
use diff::{Detail, Options, RootSearch, Stream, StreamFormat};
use flow::{Interrupt, Quiet, Session};
use hyperlayer::{Decoder, LEAF_BYTES, Records, Roots, TreeHasher, Volume};
use source::{Changes, Names, Pair};
use thinmeta::ExtentKind;

const CHUNK: usize = 65536;

/// A volume in memory, of which is counted how much is read.
#[derive(Clone)]
struct Counted(Vec<u8>, Arc<AtomicU64>);

impl ReadAt for Counted {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.1.fetch_add(buf.len() as u64, Ordering::Relaxed);
        self.0.read_at(offset, buf)
    }
}

fn root(content: &[u8]) -> [u8; 32] {
    let mut tree = TreeHasher::new(content.len() as u64);
    for (number, leaf) in (0..).zip(content.chunks(LEAF_BYTES)) {
        tree.leaf(number, TreeHasher::leaf_digest(leaf));
    }
    tree.finish()
}

/// Diffs two contents, chunk by chunk, or makes a full stream; yields what it says of both, and how much of
/// the base was read.
fn roots(
    base: Option<(&str, &[u8])>,
    target: (&str, &[u8]),
    detect_level: u8,
    folder: Option<&Path>,
) -> (Roots, u64) {
    let volume = |(uuid, content): (&str, &[u8])| Volume {
        name: uuid.into(),
        uuid: uuid.into(),
        size: content.len() as u64,
    };
    let names = Names {
        base: base.map(volume),
        target: volume(target),
        base_origin: String::new(),
        identity: hyperlayer::Identity::default(),
    };
    let mut changes = Changes::new(CHUNK as u64);
    for (number, chunk) in target.1.chunks(CHUNK).enumerate() {
        let offset = number * CHUNK;
        let before = base.map(|(_, content)| &content[offset..offset + chunk.len()]);
        if before == Some(chunk) {
            continue;
        }
        let kind = match chunk.iter().all(|byte| *byte == 0) {
            true if before.is_none() => continue,
            true => ExtentKind::Unmapped,
            false => ExtentKind::Changed,
        };
        changes.add(Range { offset: offset as u64, length: chunk.len() as u64 }, kind).unwrap();
    }
    let read = Arc::new(AtomicU64::new(0));
    let base = base.map(|(_, content)| Box::new(Counted(content.to_vec(), read.clone())) as _);
    let content = (base, Box::new(target.1.to_vec()) as _);
    let mut pair = Pair::new(names, "test".into(), (changes, None), content, Box::new(()));
    let options = Options {
        format: StreamFormat::Hyperlayer2,
        detail: Detail::default(),
        detect_level,
        roots: Some(RootSearch { folder: folder.map(Into::into) }),
        rest_from: None,
        pairs: vec![],
        tool: "test".into(),
    };
    let interrupt = Interrupt::default();
    let session = Session::new(&interrupt, &Quiet);
    let mut stream = Stream::prove(&mut pair, &options, &session).unwrap();
    let (bytes, finished) = stream.write(Vec::new(), &session).unwrap();
    let mut decoder = Decoder::new(bytes.as_slice()).unwrap();
    decoder.finish().unwrap();
    assert_eq!(decoder.roots(), finished.roots);
    if detect_level == 3 {
        assert_eq!(Some(decoder.base_digests()[0].digest), finished.roots.base);
    }
    (finished.roots, read.load(Ordering::Relaxed))
}

/// 300 chunks and a half, each different, but for one of zeros.
fn monday() -> Vec<u8> {
    let mut content: Vec<u8> =
        (0..300 * CHUNK + 512).map(|at| (at / CHUNK + at % 250) as u8).collect();
    content[7 * CHUNK..8 * CHUNK].fill(0);
    content
}

fn tuesday() -> Vec<u8> {
    let mut content = monday();
    content[CHUNK..CHUNK + 512].fill(9);
    content[5 * CHUNK..6 * CHUNK].fill(0);
    content[260 * CHUNK..].fill(3);
    content
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn of_a_base_that_is_known_a_sample_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (monday, tuesday) = (monday(), tuesday());
    let (found, _) = roots(None, ("mon", &monday), 0, Some(folder.path()));
    assert_eq!(found, Roots { base: None, target: Some(root(&monday)) });
    assert_eq!(files(folder.path()), ["mon.tree"]);
    let expected = Roots { base: Some(root(&monday)), target: Some(root(&tuesday)) };
    for level in [0, 3] {
        let known = roots(Some(("mon", &monday)), ("tue", &tuesday), level, Some(folder.path()));
        assert_eq!(known.0, expected);
        assert!(known.1 <= 64 * CHUNK as u64, "{} bytes were read", known.1);
        assert_eq!(files(folder.path()), ["mon.tree", "tue.tree"]);
    }
    // What was kept of the target is as good as if it had been read.
    let (found, read) = roots(Some(("tue", &tuesday)), ("wed", &monday), 0, Some(folder.path()));
    assert_eq!(found, Roots { base: expected.target, target: expected.base });
    assert!(read <= 64 * CHUNK as u64, "{read} bytes were read");
    // Nothing is kept: all is read, and the same is found.
    let (found, read) = roots(Some(("mon", &monday)), ("tue", &tuesday), 0, None);
    assert_eq!((found, read), (expected, monday.len() as u64));
}

#[test]
fn what_is_kept_of_other_content_is_noticed_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (monday, tuesday) = (monday(), tuesday());
    roots(None, ("mon", &monday), 0, Some(folder.path()));
    let expected = Roots { base: Some(root(&tuesday)), target: Some(root(&monday)) };
    // A file of another volume, with the name of this one; one that is damaged, and one that is none.
    let path = folder.path().join("tue.tree");
    let other = std::fs::read(folder.path().join("mon.tree")).unwrap();
    let mut inverted = tuesday.clone();
    inverted.iter_mut().for_each(|byte| *byte = !*byte);
    roots(None, ("inverted", &inverted), 0, Some(folder.path()));
    let inverted = std::fs::read(folder.path().join("inverted.tree")).unwrap();
    for wrong in [&inverted[..], &other[..other.len() - 1], &[7; 100], &[]] {
        std::fs::write(&path, wrong).unwrap();
        let (found, _) = roots(Some(("tue", &tuesday)), ("new", &monday), 3, Some(folder.path()));
        assert_eq!(found, expected);
        assert!(!path.exists());
    }
}
