//! The exception store of a classic snapshot.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io;

use blockio::ReadAt;
use cowmeta::Store;

/// A device that begins with these bytes and goes on with zeros.
struct Device<'a> {
    bytes: &'a [u8],
    size: u64,
    reads: Cell<usize>,
}

impl ReadAt for Device<'_> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.reads.set(self.reads.get() + 1);
        let end = offset.checked_add(buf.len() as u64);
        if end.is_none_or(|end| end > self.size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buf.fill(0);
        let there = usize::try_from(offset).ok().and_then(|offset| self.bytes.get(offset..));
        let there = there.unwrap_or_default();
        let length = there.len().min(buf.len());
        buf[..length].copy_from_slice(&there[..length]);
        Ok(())
    }
}

/// Takes the input for the origin's size and the device's, 8 bytes each, and what the device begins
/// with.
pub fn run(input: &[u8]) {
    let Some((origin, rest)) = input.split_first_chunk() else { return };
    let Some((size, bytes)) = rest.split_first_chunk() else { return };
    let (origin, size) = (u64::from_le_bytes(*origin), u64::from_le_bytes(*size));
    let device = Device { bytes, size, reads: Cell::new(0) };
    let Ok(store) = Store::open(&device, size) else { return };
    let chunk = store.chunk_size().bytes();
    let found = store.exceptions(origin);
    // A piece of zeros ends the list.
    assert!(device.reads.get() <= 3 + bytes.len() / 512, "{} reads", device.reads.get());
    let Ok(found) = found else { return };
    let mut chunks = BTreeSet::new();
    let mut end = None;
    for run in found.runs() {
        assert!(run.length > 0 && end < Some(run.begin), "{run:?} after what ends at {end:?}");
        end = run.begin.checked_add(run.length);
        assert!(end.is_some_and(|end| end <= origin.div_ceil(chunk)), "{run:?}");
        chunks.extend((0..run.length).map(|index| run.begin + index));
    }
    assert_eq!(chunks.len() as u64, found.count());
    assert_eq!(chunks, naive(bytes, chunk));
}

/// The chunks that the areas name, up to the first exception that is kept nowhere.
fn naive(bytes: &[u8], chunk: u64) -> BTreeSet<u64> {
    let word = |at: u64| -> u64 {
        let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
        let mut word = [0; 8];
        word.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        u64::from_le_bytes(word)
    };
    let per_area = chunk / 16;
    let mut chunks = BTreeSet::new();
    for number in 0.. {
        let area = 1 + number / per_area * (per_area + 1);
        let at = area * chunk + number % per_area * 16;
        if word(at + 8) == 0 {
            break;
        }
        chunks.insert(word(at));
    }
    chunks
}
