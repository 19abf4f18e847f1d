//! [`Series`]: any number of ranges in order, in a fixed amount of memory.

use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::os::unix::fs::FileExt;

use blockio::Range;

/// The most bytes held in memory before they go to a file: about three million scattered extents.
const HELD: usize = 8 << 20;

/// How many bytes are written to the file, or read from it, at once.
const PIECE: usize = 256 << 10;

/// The most bytes that a number takes, at seven bits a byte: 64 bits, plus three for the scale and the kind.
const MOST: u32 = 10;

/// The most bytes that an item takes.
const LONGEST: usize = 2 * MOST as usize;

/// Offsets and lengths are mostly multiples of this, in bytes.
const UNIT: u64 = 64 << 10;

/// An element of a [`Series`]: it has a beginning, a length and a kind.
pub trait Item: Copy {
    /// Where it begins, how long it is, and its kind, below 4.
    fn parts(self) -> (u64, u64, u8);

    /// The item with these parts.
    fn of(begin: u64, length: u64, kind: u8) -> Self;
}

impl Item for Range {
    fn parts(self) -> (u64, u64, u8) {
        (self.offset, self.length, 0)
    }

    fn of(offset: u64, length: u64, _: u8) -> Self {
        Self { offset, length }
    }
}

/// Any number of items in order: written once, from first to last, and read any number of times.
///
/// Each stores its distance from the previous one and its length in as few bytes as they need, mostly 2 to 4.
/// From 8 MiB on they go to an unnamed file.
pub struct Series<T> {
    count: u64,
    /// Not encoded yet: it may still grow.
    last: Option<T>,
    /// The end of the item encoded last.
    end: u64,
    /// Encoded bytes that are not in the file yet.
    bytes: Vec<u8>,
    file: Option<Spilled>,
    held: usize,
    item: PhantomData<T>,
}

/// The first bytes of a series, in a file.
struct Spilled {
    file: File,
    length: u64,
}

impl<T> Default for Series<T> {
    fn default() -> Self {
        Self {
            count: 0,
            last: None,
            end: 0,
            bytes: vec![],
            file: None,
            held: HELD,
            item: PhantomData,
        }
    }
}

impl<T: Item> Series<T> {
    /// How many items there are.
    pub fn len(&self) -> u64 {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The last item, which may still be changed.
    pub fn last_mut(&mut self) -> Option<&mut T> {
        self.last.as_mut()
    }

    /// Adds an item.
    ///
    /// # Errors
    /// If the file cannot be created or written.
    pub fn push(&mut self, item: T) -> io::Result<()> {
        if let Some(last) = self.last.replace(item) {
            self.encode(last)?;
        }
        self.count += 1;
        Ok(())
    }

    fn encode(&mut self, item: T) -> io::Result<()> {
        let (begin, length, kind) = item.parts();
        put(&mut self.bytes, scaled(begin.wrapping_sub(self.end)));
        put(&mut self.bytes, scaled(length) << 2 | u128::from(kind));
        self.end = begin.wrapping_add(length);
        let is_full = match &self.file {
            None => self.bytes.len() + LONGEST > self.held,
            Some(_) => self.bytes.len() >= PIECE,
        };
        if is_full { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> io::Result<()> {
        let spilled = match &mut self.file {
            Some(spilled) => spilled,
            none => none.insert(Spilled { file: flow::scratch_file()?, length: 0 }),
        };
        spilled.file.write_all_at(&self.bytes, spilled.length)?;
        spilled.length += self.bytes.len() as u64;
        self.bytes.clear();
        self.bytes.shrink_to(2 * PIECE);
        Ok(())
    }

    /// All items, from the first.
    pub fn iter(&self) -> Items<'_, T> {
        Items { series: self, place: 0, buf: vec![], used: 0, end: 0, left: self.count }
    }
}

impl<'a, T: Item> IntoIterator for &'a Series<T> {
    type Item = io::Result<T>;
    type IntoIter = Items<'a, T>;

    fn into_iter(self) -> Items<'a, T> {
        self.iter()
    }
}

/// The items of a [`Series`], or an error if the file cannot be read.
pub struct Items<'a, T> {
    series: &'a Series<T>,
    /// How many of the encoded bytes have been put into the buffer.
    place: u64,
    buf: Vec<u8>,
    used: usize,
    /// The end of the previous item.
    end: u64,
    left: u64,
}

impl<T: Item> Items<'_, T> {
    /// Makes sure that the buffer holds a whole item, if there is one left.
    fn fill(&mut self) -> io::Result<()> {
        self.buf.drain(..self.used);
        self.used = 0;
        let in_file = self.series.file.as_ref().map_or(0, |spilled| spilled.length);
        while self.buf.len() < LONGEST {
            let had = self.buf.len();
            match &self.series.file {
                Some(spilled) if self.place < in_file => {
                    let piece = (in_file - self.place).min(PIECE as u64) as usize;
                    self.buf.resize(had + piece, 0);
                    spilled.file.read_exact_at(&mut self.buf[had..], self.place)?;
                }
                _ => {
                    let rest = &self.series.bytes[(self.place - in_file) as usize..];
                    self.buf.extend_from_slice(&rest[..rest.len().min(PIECE)]);
                }
            }
            match self.buf.len() - had {
                0 => break,
                more => self.place += more as u64,
            }
        }
        Ok(())
    }

    fn decode(&mut self) -> io::Result<T> {
        if self.buf.len() - self.used < LONGEST {
            self.fill()?;
        }
        let mut rest = &self.buf[self.used..];
        let (distance, length) = (take(&mut rest), take(&mut rest));
        let broken = || io::Error::new(io::ErrorKind::InvalidData, "a temporary file was changed");
        let (Some(distance), Some(length)) = (distance, length) else { return Err(broken()) };
        self.used = self.buf.len() - rest.len();
        let begin = self.end.wrapping_add(unscaled(distance).ok_or_else(broken)?);
        let kind = (length & 3) as u8;
        let length = unscaled(length >> 2).ok_or_else(broken)?;
        self.end = begin.wrapping_add(length);
        Ok(T::of(begin, length, kind))
    }
}

impl<T: Item> Iterator for Items<'_, T> {
    type Item = io::Result<T>;

    fn next(&mut self) -> Option<io::Result<T>> {
        self.left = self.left.checked_sub(1)?;
        match (self.left, self.series.last) {
            (0, Some(last)) => Some(Ok(last)),
            _ => Some(self.decode()),
        }
    }
}

/// A number with an extra low bit that says whether it is counted in units.
fn scaled(number: u64) -> u128 {
    match number.is_multiple_of(UNIT) {
        true => u128::from(number / UNIT) << 1 | 1,
        false => u128::from(number) << 1,
    }
}

fn unscaled(scaled: u128) -> Option<u64> {
    let number = u64::try_from(scaled >> 1).ok()?;
    if scaled & 1 == 1 { number.checked_mul(UNIT) } else { Some(number) }
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn put(bytes: &mut Vec<u8>, mut number: u128) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u128> {
    let mut number = 0;
    for shift in (0..MOST).map(|byte| byte * 7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u128::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Part(u64, u64, u8);

    impl Item for Part {
        fn parts(self) -> (u64, u64, u8) {
            (self.0, self.1, self.2)
        }

        fn of(begin: u64, length: u64, kind: u8) -> Self {
            Self(begin, length, kind)
        }
    }

    fn part() -> impl Strategy<Value = Part> {
        let number = prop_oneof![
            3 => (0..1000_u64).prop_map(|units| units * UNIT),
            1 => any::<u64>(),
            1 => 0..100_000_u64,
            1 => Just(u64::MAX),
        ];
        (number.clone(), number, 0..4_u8)
            .prop_map(|(begin, length, kind)| Part(begin, length, kind))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn whatever_goes_in_comes_out_in_memory_and_from_a_file(
            parts in prop::collection::vec(part(), 0..2000),
            held in prop::sample::select(vec![HELD, 1, 700]),
        ) {
            let mut series = Series { held, ..Series::default() };
            for part in &parts {
                series.push(*part).unwrap();
            }
            prop_assert_eq!(series.len(), parts.len() as u64);
            prop_assert!(series.file.is_some() || held > 1 || parts.len() < 2);
            for _ in 0..2 {
                let read: Vec<Part> = series.iter().map(Result::unwrap).collect();
                prop_assert_eq!(&read, &parts);
            }
        }
    }

    #[test]
    fn millions_of_scattered_chunks_are_held_in_a_few_megabytes() {
        let mut series = Series::default();
        let range =
            |number: u64| Range { offset: (number * 370 + number % 31) * UNIT, length: UNIT };
        for number in 0..3_000_000 {
            series.push(range(number)).unwrap();
        }
        assert!(series.bytes.capacity() <= HELD, "{}", series.bytes.capacity());
        let spilled = series.file.as_ref().unwrap();
        assert!(spilled.length < 4 * 3_000_000, "{}", spilled.length);
        for (number, read) in series.iter().enumerate() {
            assert_eq!(read.unwrap(), range(number as u64));
        }
    }

    #[test]
    fn the_last_one_can_grow() {
        let mut series = Series::default();
        assert!(series.last_mut().is_none());
        series.push(Part(0, 10, 0)).unwrap();
        series.last_mut().unwrap().1 = 20;
        series.push(Part(30, 10, 1)).unwrap();
        series.last_mut().unwrap().1 = 11;
        let read: Vec<Part> = series.iter().map(Result::unwrap).collect();
        assert_eq!(read, [Part(0, 20, 0), Part(30, 11, 1)]);
    }

    #[test]
    fn a_file_that_was_cut_is_an_error() {
        let mut series = Series { held: 1, ..Series::default() };
        for number in 0..200_000 {
            series.push(Part(number * 3, 1, 0)).unwrap();
        }
        series.file.as_ref().unwrap().file.set_len(1000).unwrap();
        assert!(series.iter().any(|part| part.is_err()));
    }
}
