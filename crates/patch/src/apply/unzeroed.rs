//! Old data in a pool with `--zero n`, and streams from pools with other chunk sizes.

use std::collections::BTreeSet;
use std::io;
use std::sync::Mutex;

use blockio::testing::Memory;
use blockio::{ReadAt, Storage};
use flow::Quiet;
use hyperlayer::Decoder;
use proptest::prelude::*;

use super::tests::{GROUND, stream};
use super::*;

/// A byte that others wrote long ago.
const OLD: u8 = 0xee;

/// A thin volume as the kernel has it in a pool that does not zero: a mapped chunk shows what its data block
/// held before, wherever nothing has been written to it.
struct Unzeroed {
    chunk_size: u64,
    memory: Memory,
    mapped: Mutex<BTreeSet<u64>>,
}

impl Unzeroed {
    fn map(&self, offset: u64, length: u64) -> io::Result<()> {
        let mut mapped = self.mapped.lock().unwrap();
        for chunk in offset / self.chunk_size..(offset + length).div_ceil(self.chunk_size) {
            if mapped.insert(chunk) {
                let begin = chunk * self.chunk_size;
                let end = (begin + self.chunk_size).min(self.memory.size());
                self.memory.write_at(begin, &vec![OLD; (end - begin) as usize])?;
            }
        }
        Ok(())
    }
}

impl ReadAt for Unzeroed {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.memory.read_at(offset, buf)
    }
}

impl Storage for Unzeroed {
    fn size(&self) -> u64 {
        self.memory.size()
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.map(offset, bytes.len() as u64)?;
        self.memory.write_at(offset, bytes)
    }

    fn zero_out(&self, offset: u64, length: u64) -> io::Result<()> {
        self.map(offset, length)?;
        self.memory.zero_out(offset, length)
    }

    /// Whole chunks only.
    fn discard(&self, offset: u64, length: u64) -> io::Result<()> {
        let mut mapped = self.mapped.lock().unwrap();
        let chunks = offset.div_ceil(self.chunk_size)..(offset + length) / self.chunk_size;
        for chunk in chunks {
            mapped.remove(&chunk);
            self.memory.zero_out(chunk * self.chunk_size, self.chunk_size)?;
        }
        Ok(())
    }

    fn punch(&self, offset: u64, length: u64) -> io::Result<()> {
        self.discard(offset, length)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

const UNIT: u64 = 64 << 10;
const UNITS: u64 = 48;

/// A record of this many units, which follows the previous one after a gap of this many.
#[derive(Clone, Copy, Debug)]
struct Step {
    gap: u64,
    units: u64,
    kind: u8,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..6_u64, 1..12_u64, 0..3_u8);
    prop::collection::vec(step.prop_map(|(gap, units, kind)| Step { gap, units, kind }), 1..8)
}

/// Applies records to a volume in which the `filled` chunks hold data, and checks the result.
fn check(chunk_units: u64, filled: &BTreeSet<u64>, steps: &[Step]) {
    let (chunk_size, size) = (chunk_units * UNIT, (UNITS * UNIT) as usize);
    let memory = Memory::new(vec![0; size]);
    let storage = Unzeroed { chunk_size, memory, mapped: Mutex::default() };
    let mut expected = vec![0; size];
    for chunk in filled.iter().filter(|chunk| *chunk * chunk_size < size as u64) {
        let begin = chunk * chunk_size;
        let end = (begin + chunk_size).min(size as u64);
        storage.write_at(begin, &vec![1; (end - begin) as usize]).unwrap();
        expected[begin as usize..end as usize].fill(1);
    }
    let (data, mut records, mut place) = (vec![2; 12 * UNIT as usize], vec![], 0);
    for step in steps {
        let offset = (place + step.gap) * UNIT;
        let length = step.units.min(UNITS.saturating_sub(place + step.gap)) * UNIT;
        if length == 0 {
            break;
        }
        place += step.gap + step.units;
        let bytes = &data[..length as usize];
        let range = offset as usize..(offset + length) as usize;
        expected[range].fill(if step.kind == 0 { 2 } else { 0 });
        records.push(match step.kind {
            0 => Record::Data { offset, bytes },
            1 => Record::Zero { offset, length },
            _ => Record::Discard { offset, length },
        });
    }
    let bytes = stream(size as u64, &records);
    let ground = Ground { chunk_size, zeroes: false, size: size as u64, ..GROUND };
    let interrupt = Interrupt::default();
    let applier = Applier::new(&storage, "volume", ground, &interrupt);
    let mut decoder = Decoder::new(bytes.as_slice()).unwrap();
    applier.apply_all("test", &mut decoder, &Quiet, Extras::default()).unwrap();
    let found = storage.memory.bytes();
    let differs = found.iter().zip(&expected).position(|(one, other)| one != other);
    assert_eq!(differs.map(|place| place / UNIT as usize), None, "units of 64 KiB");
}

#[test]
fn a_discard_that_begins_inside_a_chunk_leaves_nothing_old_in_the_next_one() {
    // A discard of 192 KiB chunks, in a pool with chunks of 512 KiB.
    let discard = Step { gap: 21, units: 12, kind: 2 };
    check(8, &(0..6).collect(), &[discard, Step { gap: 0, ..discard }]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_old_shows_in_chunks_of_another_size(
        chunk_units in 1..40_u64,
        filled in prop::collection::btree_set(0..UNITS, 0..12),
        steps in steps(),
    ) {
        check(chunk_units, &filled, &steps);
    }
}
