//! Stores that the kernel would not write: each flaw is told, and none leads to a panic or a long
//! search.

use std::cell::Cell;
use std::io;

use blockio::ReadAt;
use cowmeta::testing::Image;
use cowmeta::{Error, Exceptions, Result, Store};
use proptest::prelude::*;

const SECTORS: u32 = 8;
const CHUNK: usize = 4096;
const PER_AREA: u64 = 256;
const ORIGIN: u64 = 10_000 * CHUNK as u64;

fn read(bytes: &[u8]) -> Result<Exceptions> {
    Store::open(bytes, bytes.len() as u64)?.exceptions(ORIGIN)
}

fn store() -> Image {
    let mut image = Image::new(SECTORS);
    (0..10).for_each(|chunk| image.copy(chunk * 2));
    image
}

fn corrupt(bytes: &[u8], place: u64, why: &str) {
    match read(bytes).unwrap_err() {
        Error::Corrupt { chunk, reason } => {
            assert!(reason.contains(why), "{reason}");
            assert_eq!(chunk.get(), place, "{reason}");
        }
        error => panic!("{error}"),
    }
}

fn with_word(image: &Image, offset: usize, word: u32) -> Vec<u8> {
    let mut bytes = image.bytes();
    bytes[offset..offset + 4].copy_from_slice(&word.to_le_bytes());
    bytes
}

#[test]
fn empty_device() {
    corrupt(&[], 0, "empty");
}

#[test]
fn device_smaller_than_a_header() {
    corrupt(&store().bytes()[..12], 0, "12 bytes");
}

#[test]
fn device_smaller_than_a_chunk() {
    corrupt(&store().bytes()[..512], 1, "leads past the end (chunk 0)");
}

#[test]
fn zeros() {
    corrupt(&[0; 1 << 20], 0, "not the header");
}

#[test]
fn another_magic_number() {
    corrupt(&with_word(&store(), 0, 0x7041_6e54), 0, "not the header");
}

#[test]
fn another_version() {
    let error = read(&with_word(&store(), 8, 2)).unwrap_err();
    assert_eq!(error.to_string(), "the exception store has version 2, which is not supported");
}

#[test]
fn given_up_by_the_kernel() {
    assert!(matches!(read(&with_word(&store(), 4, 0)), Err(Error::Invalid)));
}

#[test]
fn chunk_sizes_that_cannot_be() {
    for sectors in [0, 7, 12, 1 << 22, u32::MAX] {
        corrupt(
            &with_word(&store(), 12, sectors),
            0,
            &format!("a chunk size of {sectors} sectors"),
        );
    }
}

#[test]
fn chunk_size_larger_than_the_device() {
    corrupt(&with_word(&store(), 12, 1 << 21), 1, "leads past the end (chunk 0)");
}

#[test]
fn old_chunk_past_the_origins_end() {
    let mut image = store();
    image.put(9_999, 90);
    assert_eq!(read(&image.bytes()).unwrap().count(), 11);
    image.put(10_000, 91);
    corrupt(&image.bytes(), 1, "chunk 10000 is past the origin's end (chunk 10000)");
    let mut image = store();
    image.put(u64::MAX, 91);
    corrupt(&image.bytes(), 1, "past the origin's end");
}

#[test]
fn the_origins_last_chunk_may_be_cut_off() {
    let mut image = store();
    image.put(10_000, 90);
    let bytes = image.bytes();
    let store = Store::open(&bytes[..], bytes.len() as u64).unwrap();
    assert_eq!(store.exceptions(ORIGIN + 512).unwrap().count(), 11);
}

#[test]
fn new_chunk_past_the_end() {
    for new in [258, 1 << 60, u64::MAX] {
        let mut image = store();
        image.put(100, new);
        corrupt(&image.bytes(), 1, "past the end (chunk 258)");
    }
}

#[test]
fn new_chunk_in_an_area() {
    let mut image = store();
    image.put(100, 1);
    corrupt(&image.bytes(), 1, "where exceptions are");
    let mut image = Image::new(SECTORS);
    (0..PER_AREA).for_each(|chunk| image.copy(chunk));
    image.put(1000, 258);
    corrupt(&image.bytes(), 258, "at 258, where exceptions are");
}

#[test]
fn chunk_twice() {
    let mut image = store();
    image.copy(4);
    corrupt(&image.bytes(), 1, "chunk 4 twice");
}

#[test]
fn place_twice() {
    let mut image = store();
    image.put(100, 5);
    corrupt(&image.bytes(), 1, "two chunks at 5");
}

#[test]
fn list_without_an_end() {
    let mut image = Image::new(SECTORS);
    (0..2 * PER_AREA).for_each(|chunk| image.copy(chunk));
    let bytes = image.bytes();
    assert_eq!(read(&bytes).unwrap().count(), 2 * PER_AREA);
    corrupt(&bytes[..515 * CHUNK], 515, "leads past the end (chunk 515)");
}

#[test]
fn what_stands_behind_the_end_is_passed_over() {
    let mut bytes = store().bytes();
    // The eleventh is the end, and the next sector is as it was before the device was used.
    bytes[CHUNK + 512..CHUNK + 1024].fill(0xff);
    assert_eq!(read(&bytes).unwrap().count(), 10);
}

/// Fails where it is read once too often.
struct Limited<'a> {
    bytes: &'a [u8],
    reads: Cell<usize>,
    limit: usize,
}

impl ReadAt for Limited<'_> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.reads.set(self.reads.get() + 1);
        if self.reads.get() > self.limit {
            return Err(io::Error::other("enough"));
        }
        self.bytes.read_at(offset, buf)
    }
}

#[test]
fn a_device_that_fails_is_no_damage() {
    let bytes = store().bytes();
    for limit in 0..2 {
        let reader = Limited { bytes: &bytes, reads: Cell::new(0), limit };
        let read = Store::open(reader, bytes.len() as u64).and_then(|it| it.exceptions(ORIGIN));
        assert!(matches!(read, Err(Error::Io { .. })), "{limit}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn no_damage_leads_to_a_panic_or_a_long_search(
        exceptions in 0..100_u64,
        sectors in prop::sample::select(vec![1_u32, 2, 8]),
        damages in prop::collection::vec((0..64_usize, prop_oneof![0..70_u64, any::<u64>()]), 0..8),
        length in 0..60_000_usize,
        origin in prop_oneof![0..100_000_u64, any::<u64>()],
    ) {
        let mut image = Image::new(sectors);
        (0..exceptions).for_each(|chunk| image.copy(chunk * 3));
        let mut bytes = image.bytes();
        for (word, value) in damages {
            // The first words are the header, the others exceptions of the first areas.
            let offset = if word < 4 { word * 4 } else { sectors as usize * 512 + (word - 4) * 8 };
            if let Some(place) = bytes.get_mut(offset..offset + 8) {
                place.copy_from_slice(&value.to_le_bytes());
            }
        }
        bytes.truncate(length.max(1));
        let limit = 2 + bytes.len() / 512;
        let reader = Limited { bytes: &bytes, reads: Cell::new(0), limit };
        let store = Store::open(&reader, bytes.len() as u64);
        let found = store.as_ref().map(|store| store.exceptions(origin));
        prop_assert!(reader.reads.get() <= limit);
        if let (Ok(store), Ok(Ok(found))) = (&store, found) {
            let chunks = origin.div_ceil(store.chunk_size().bytes());
            prop_assert!(found.runs().all(|run| run.begin + run.length <= chunks));
            prop_assert_eq!(found.runs().map(|run| run.length).sum::<u64>(), found.count());
        }
    }

    #[test]
    fn every_store_is_read_as_it_was_written(
        chunks in prop::collection::btree_set(0..10_000_u64, 0..1000),
        seed in any::<u64>(),
        sectors in prop::sample::select(vec![1_u32, 8, 32, 256]),
    ) {
        let mut order: Vec<_> = chunks.iter().copied().collect();
        order.sort_by_key(|chunk| chunk.wrapping_mul(seed | 1).rotate_left(17));
        let mut image = Image::new(sectors);
        order.iter().for_each(|chunk| image.copy(*chunk));
        let bytes = image.bytes();
        let size = u64::from(sectors) * 512 * 10_000;
        let found = Store::open(&bytes[..], bytes.len() as u64).unwrap().exceptions(size).unwrap();
        let read = found.runs().flat_map(|run| run.begin..run.begin + run.length);
        prop_assert!(read.eq(chunks));
        let runs: Vec<_> = found.runs().collect();
        prop_assert!(runs.windows(2).all(|two| two[0].begin + two[0].length < two[1].begin));
    }
}
