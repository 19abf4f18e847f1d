//! The digests of what the other side holds, so that only what differs is sent although nothing else is known of it.

use std::io::{self, Read, Write};

use anyhow::Context;
use baseproof::{Mapped, for_each_leaf};
use blockio::{Range, ReadAt};
use flow::{Interruptible, Session};
use hyperlayer::{LEAF_BYTES, TreeHasher, Volume};
use peer::{BlockReader, BlockWriter};
use source::{Changes, Pair};
use thinmeta::ExtentKind;

/// BLAKE3 of a leaf.
type Digest = [u8; 32];

/// Sends the digests of the first `size` bytes of a volume.
///
/// # Errors
/// If they cannot be read or sent.
pub(crate) fn send_leaves(
    content: &(impl ReadAt + Sync),
    size: u64,
    to: impl Write,
    session: &Session<'_>,
) -> io::Result<()> {
    let source = Interruptible { source: content, interrupt: session.interrupt };
    let mut blocks = BlockWriter::new(to, || true);
    let go_on = || session.interrupt.check();
    let sent = for_each_leaf(&source, size, None, &go_on, |number, digest| {
        blocks.write_all(&number.to_le_bytes())?;
        blocks.write_all(&digest)
    });
    match sent {
        Ok(()) => blocks.finish().map(drop),
        Err(error) => {
            blocks.give_up()?;
            Err(error)
        }
    }
}

/// Makes a stream from nothing one from what the other side holds: `from` sends the digests of that, and `base` is
/// how the stream calls it; it is as large as the target.
///
/// # Errors
/// If the volume cannot be read, or the digests do not arrive.
pub(crate) fn start_from(
    pair: &mut Pair,
    base: Volume,
    from: impl Read,
    session: &Session<'_>,
) -> anyhow::Result<()> {
    let size = pair.names.target.size;
    let target = Interruptible { source: &pair.target, interrupt: session.interrupt };
    let extents = pair.changes.extents.iter().map(|extent| extent.map(|extent| extent.range()));
    let differing = Differing {
        changes: Changes::new(pair.changes.chunk_size),
        theirs: Leaves::new(BlockReader::new(from), size),
        size,
    };
    let go_on = || session.interrupt.check();
    let found = differing.find(&target, Box::new(extents), &go_on);
    let (changes, root) = found.context("comparing with what is there")?;
    pair.changes = changes;
    pair.base_root = Some(root);
    pair.what = format!("what is there -> {}", pair.names.target.name);
    pair.names.base = Some(base);
    Ok(())
}

/// What differs between a volume here and one there.
struct Differing<R> {
    changes: Changes,
    theirs: Leaves<R>,
    size: u64,
}

impl<R: Read> Differing<R> {
    /// Finds it, and the root digest of the other side's.
    fn find(
        mut self,
        target: &(impl ReadAt + Sync),
        mapped: Mapped<'_>,
        go_on: &(dyn Fn() -> io::Result<()> + Sync),
    ) -> io::Result<(Changes, Digest)> {
        let size = self.size;
        let mut next = self.theirs.next()?;
        for_each_leaf(target, size, Some(mapped), go_on, |number, digest| {
            while let Some((other, _)) = next.filter(|(other, _)| *other < number) {
                self.add(other)?;
                next = self.theirs.next()?;
            }
            match next.filter(|(other, _)| *other == number) {
                Some((_, other)) => {
                    if other != digest {
                        self.add(number)?;
                    }
                    next = self.theirs.next()?;
                }
                None => self.add(number)?,
            }
            Ok(())
        })?;
        while let Some((other, _)) = next {
            self.add(other)?;
            next = self.theirs.next()?;
        }
        Ok((self.changes, self.theirs.tree.finish()))
    }

    fn add(&mut self, number: u64) -> io::Result<()> {
        let offset = number * LEAF_BYTES as u64;
        let length = (LEAF_BYTES as u64).min(self.size - offset);
        self.changes.add(Range { offset, length }, ExtentKind::Changed)
    }
}

/// Digests as they arrive.
struct Leaves<R> {
    from: BlockReader<R>,
    /// How many there can be.
    count: u64,
    /// The least number that the next one can have.
    least: u64,
    tree: TreeHasher,
}

impl<R: Read> Leaves<R> {
    /// Of a volume of this size.
    fn new(from: BlockReader<R>, size: u64) -> Self {
        let count = size.div_ceil(LEAF_BYTES as u64);
        Self { from, count, least: 0, tree: TreeHasher::new(size) }
    }

    /// The next leaf that holds something else than zeros; none at the end.
    fn next(&mut self) -> io::Result<Option<(u64, Digest)>> {
        let (mut number, mut digest) = ([0; 8], [0; 32]);
        if self.from.read(&mut number[..1])? == 0 {
            return Ok(None);
        }
        self.from.read_exact(&mut number[1..])?;
        self.from.read_exact(&mut digest)?;
        let number = u64::from_le_bytes(number);
        if number < self.least || number >= self.count {
            let (least, count) = (self.least, self.count);
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a digest of leaf {number}, expected one from {least} on, of {count}"),
            ));
        }
        self.least = number + 1;
        self.tree.leaf(number, digest);
        Ok(Some((number, digest)))
    }
}

#[cfg(test)]
mod tests {
    use flow::{Interrupt, Quiet};
    use proptest::prelude::*;

    use super::*;

    const LEAF: u64 = LEAF_BYTES as u64;

    /// A volume whose leaves hold these bytes; the last one is cut by 512 bytes.
    fn volume(leaves: &[u8]) -> Vec<u8> {
        let mut bytes: Vec<u8> = leaves.iter().flat_map(|&byte| vec![byte; LEAF_BYTES]).collect();
        bytes.truncate(bytes.len() - 512);
        bytes
    }

    fn sent(bytes: &Vec<u8>) -> Vec<u8> {
        let interrupt = Interrupt::default();
        let mut sent = Vec::new();
        let session = Session::new(&interrupt, &Quiet);
        send_leaves(bytes, bytes.len() as u64, &mut sent, &session).unwrap();
        sent
    }

    fn found(theirs: &[u8], ours: &Vec<u8>) -> io::Result<(Vec<u64>, Digest)> {
        let size = ours.len() as u64;
        let theirs = Leaves::new(BlockReader::new(theirs), size);
        let differing = Differing { changes: Changes::new(65536), theirs, size };
        let whole = [Range { offset: 0, length: size }];
        let (changes, root) = differing.find(ours, baseproof::mapped_in(&whole), &|| Ok(()))?;
        let mut numbers = Vec::new();
        for extent in changes.extents.iter() {
            let range = extent.unwrap().range();
            numbers.extend(range.offset / LEAF..(range.offset + range.length).div_ceil(LEAF));
        }
        Ok((numbers, root))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

        #[test]
        fn exactly_what_differs_is_found(leaves in prop::collection::vec((0_u8..3, 0_u8..3), 1..40)) {
            let (theirs, ours): (Vec<_>, Vec<_>) = leaves.iter().copied().unzip();
            let (theirs, ours) = (volume(&theirs), volume(&ours));
            let (numbers, root) = found(&sent(&theirs), &ours).unwrap();
            let differs = |(number, (one, other)): (u64, &(u8, u8))| (one != other).then_some(number);
            let expected: Vec<_> = (0..).zip(&leaves).filter_map(differs).collect();
            prop_assert_eq!(numbers, expected);
            let size = theirs.len() as u64;
            let whole = baseproof::digest_whole(&theirs, size, None, &|| Ok(())).unwrap();
            prop_assert_eq!(root, whole.digest);
        }
    }

    #[test]
    fn what_the_other_side_says_is_not_trusted() {
        let ours = volume(&[1; 4]);
        let digests = |numbers: &[u64]| {
            let mut bytes = Vec::new();
            let mut blocks = BlockWriter::new(&mut bytes, || true);
            for number in numbers {
                blocks.write_all(&number.to_le_bytes()).unwrap();
                blocks.write_all(&[7; 32]).unwrap();
            }
            blocks.finish().unwrap();
            bytes
        };
        assert_eq!(found(&digests(&[0, 3]), &ours).unwrap().0, [0, 1, 2, 3]);
        for numbers in [&[4][..], &[1, 1], &[2, 1], &[u64::MAX]] {
            let error = found(&digests(numbers), &ours).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{numbers:?}");
        }
        let whole = digests(&[0, 3]);
        for length in 0..whole.len() {
            found(&whole[..length], &ours).unwrap_err();
        }
    }
}
