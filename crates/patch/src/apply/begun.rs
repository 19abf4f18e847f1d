//! What is on its way to stable storage before the last sync.

use std::io;
use std::sync::Mutex;

use blockio::ReadAt;
use blockio::testing::Memory;
use flow::Quiet;
use hyperlayer::Decoder;

use super::tests::{GROUND, stream};
use super::*;

const PIECE: usize = MAX_RECORD;

/// What was done to it, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    /// An offset and a length.
    Written(u64, u64),
    Begun(u64, u64),
}

/// Memory that records what was done.
struct Witness {
    memory: Memory,
    done: Mutex<Vec<Done>>,
    /// Writes from here on fail.
    broken_from: u64,
}

impl Witness {
    fn new(size: usize, broken_from: u64) -> Self {
        Self { memory: Memory::new(vec![0; size]), done: Mutex::default(), broken_from }
    }
}

impl ReadAt for Witness {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.memory.read_at(offset, buf)
    }
}

impl Storage for Witness {
    fn size(&self) -> u64 {
        self.memory.size()
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if offset >= self.broken_from {
            return Err(io::Error::other("broken"));
        }
        self.memory.write_at(offset, bytes)?;
        self.done.lock().unwrap().push(Done::Written(offset, bytes.len() as u64));
        Ok(())
    }

    fn zero_out(&self, offset: u64, length: u64) -> io::Result<()> {
        self.memory.zero_out(offset, length)
    }

    fn discard(&self, offset: u64, length: u64) -> io::Result<()> {
        self.memory.discard(offset, length)
    }

    fn punch(&self, offset: u64, length: u64) -> io::Result<()> {
        self.memory.punch(offset, length)
    }

    fn begin_sync(&self, offset: u64, length: u64) {
        self.done.lock().unwrap().push(Done::Begun(offset, length));
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes every other MiB of a storage; the rest stays a hole.
fn apply(storage: &Witness, pieces: usize) -> anyhow::Result<Totals> {
    let bytes: Vec<Vec<u8>> = (1..=pieces).map(|number| vec![number as u8; PIECE]).collect();
    let records: Vec<_> = bytes
        .iter()
        .enumerate()
        .map(|(number, bytes)| Record::Data { offset: 2 * (number * PIECE) as u64, bytes })
        .collect();
    let stream = stream(storage.size(), &records);
    let interrupt = Interrupt::default();
    let applier = Applier::new(storage, "image", GROUND, &interrupt);
    let mut decoder = Decoder::new(stream.as_slice()).unwrap();
    applier.apply_all("test", &mut decoder, &Quiet, Extras::default())
}

#[test]
fn all_that_is_written_is_begun_to_be_synced_after_it() {
    const PIECES: usize = 40;
    let storage = Witness::new(2 * PIECES * PIECE, u64::MAX);
    apply(&storage, PIECES).unwrap();
    let done = storage.done.lock().unwrap();
    let mut written = Vec::new();
    let mut end = 0;
    for one in done.iter() {
        match *one {
            Done::Written(offset, length) => written.push((offset, length)),
            Done::Begun(begin, length) => {
                // It continues where the last one ended, and covers 8 MiB of data already written.
                let covers = begin..begin + length;
                assert_eq!(begin, if end == 0 { 0 } else { end + PIECE as u64 });
                let within = written.iter().filter(|(offset, _)| covers.contains(offset));
                assert_eq!(within.map(|(_, length)| length).sum::<u64>(), SYNCED_AT_ONCE);
                end = covers.end;
            }
        }
    }
    assert_eq!((written.len(), end), (PIECES, ((2 * PIECES - 1) * PIECE) as u64));
    for (number, bytes) in storage.memory.bytes().chunks(PIECE).enumerate() {
        let byte = if number % 2 == 0 { number / 2 + 1 } else { 0 };
        assert!(bytes.iter().all(|&found| usize::from(found) == byte), "MiB {number}");
    }
}

#[test]
fn the_first_write_that_fails_is_named_and_its_range_is_not_synced() {
    let broken_from = 20 * PIECE as u64;
    let storage = Witness::new(80 * PIECE, broken_from);
    let error = apply(&storage, 40).unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains("offset 20971520 of image") && text.contains("broken"), "{text}");
    for one in storage.done.lock().unwrap().iter() {
        let (Done::Written(offset, length) | Done::Begun(offset, length)) = *one;
        assert!(offset + length <= broken_from, "{one:?}");
    }
}
