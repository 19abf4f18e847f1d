//! A real snapshot's store against what differs in the volumes themselves.

use std::io::Read;

use cowmeta::{Run, Store};

const CHUNK: usize = 4096;

fn decompressed(compressed: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(compressed).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn the_exceptions_are_the_chunks_that_differ() {
    let base = decompressed(include_bytes!("fixtures/thick-base.img.zst"));
    let new = decompressed(include_bytes!("fixtures/thick-new.img.zst"));
    let cow = decompressed(include_bytes!("fixtures/thick-cow.img.zst"));
    let chunks = base.chunks(CHUNK).zip(new.chunks(CHUNK)).enumerate();
    let differ: Vec<_> =
        chunks.filter(|(_, (old, new))| old != new).map(|(chunk, _)| chunk as u64).collect();
    assert_eq!(differ.len(), 7 * 16);

    let size = cow.len() as u64;
    let store = Store::open(cow, size).unwrap();
    assert_eq!(store.chunk_size().bytes(), CHUNK as u64);
    let exceptions = store.exceptions(base.len() as u64).unwrap();
    let chunks: Vec<_> =
        exceptions.runs().flat_map(|run| run.begin..run.begin + run.length).collect();
    assert_eq!(chunks, differ);
    assert_eq!(exceptions.count(), 7 * 16);
    assert_eq!(exceptions.runs().next(), Some(Run { begin: 32, length: 48 }));
}
