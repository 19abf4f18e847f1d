//! [`Mappings`]: which data block each block of one thin device is mapped to.

use std::collections::VecDeque;
use std::ops::Range;

use blockio::ReadAt;
use zerocopy::little_endian::U64;

use crate::block::Blocks;
use crate::btree::{Cursor, Tree};
use crate::node::Node;
use crate::walk::{Entries, Leaves, Side, Walk};
use crate::{DataBlock, Error, MetaBlock, Result, Superblock, ThinBlock};

/// The mapping tree of one thin device.
pub struct Mappings<'m, R> {
    blocks: &'m Blocks<R>,
    tree: Tree,
    /// The size of one in bytes.
    data_block_size: u64,
    /// How many data blocks the pool has; 0 where that is not known.
    data_blocks: u64,
}

/// Which tree the mappings of a device are, apart from the metadata that they were found in: with
/// [`Metadata::mappings_in`](crate::Metadata::mappings_in) they are found again without a look at the devices.
#[derive(Clone, Copy)]
pub struct MappingTree(Tree);

/// No volume is larger, in bytes: offsets are signed, with 64 bits.
const MOST: u64 = i64::MAX as u64;

impl<'m, R: ReadAt> Mappings<'m, R> {
    pub(crate) fn open(
        blocks: &'m Blocks<R>,
        superblock: &Superblock,
        root: MetaBlock,
    ) -> Result<Self> {
        let tree = Tree::open::<U64>(blocks, root)?;
        Ok(Self::of(blocks, superblock, MappingTree(tree)))
    }

    pub(crate) fn of(
        blocks: &'m Blocks<R>,
        superblock: &Superblock,
        MappingTree(tree): MappingTree,
    ) -> Self {
        let (data_block_size, data_blocks) =
            (superblock.data_block_size(), superblock.data_blocks());
        Self { blocks, tree, data_block_size, data_blocks }
    }

    /// Which tree they are.
    pub fn tree(&self) -> MappingTree {
        MappingTree(self.tree)
    }

    /// All mappings in the order of thin blocks.
    pub fn iter(&self) -> Iter<'m, R> {
        Iter { walk: Some(self.walk()) }
    }

    /// The mapped runs in ascending order, neighbours joined wherever their data blocks lie.
    pub fn runs(&self) -> Runs<'m, R> {
        self.runs_from(ThinBlock::from(0))
    }

    /// The mapped runs from `block` on, likewise: a run that begins before it is cut there. Nodes
    /// that map only what lies before it are not read.
    pub fn runs_from(&self, block: ThinBlock) -> Runs<'m, R> {
        let from = block.get();
        let walk = Some(self.walk().starting_at(from));
        Runs { walk, from, since: 0, one_place: false, ready: VecDeque::new(), open: None }
    }

    /// The runs, likewise, of what has been mapped at `time` or later. With the time of the device's
    /// last snapshot they are what it shares with none, as the kernel tells it: a write to the rest
    /// takes a new data block.
    pub fn runs_since(&self, time: u32) -> Runs<'m, R> {
        Runs { since: time.into(), ..self.runs() }
    }

    /// The mapped runs in ascending order, neighbours joined only where their data blocks follow
    /// one another too and have been mapped at one time: those that thin_dump tells.
    pub fn placed_runs(&self) -> Runs<'m, R> {
        Runs { one_place: true, ..self.runs() }
    }

    /// The data block that `block` is mapped to, if it is; reads one node of each level.
    ///
    /// # Errors
    /// Where the device fails or the metadata is damaged.
    pub fn get(&self, block: ThinBlock) -> Result<Option<DataBlock>> {
        let value = self.tree.get(self.blocks, block.get())?;
        Ok(value.map(|value: U64| DataBlock::from_mapping(value.get())))
    }

    /// The mappings of the thin blocks in `blocks`, ascending. Reads one node of each level and the
    /// nodes that follow, as far as the range goes, none of them ahead: for few blocks. Their data
    /// blocks are checked against the number of those that the pool has.
    ///
    /// # Errors
    /// Where the device fails or the metadata is damaged.
    pub fn range(&self, blocks: Range<u64>) -> Result<Part<'m, R>> {
        let cursor = Some(self.tree.cursor_near(self.blocks, blocks.start)?);
        Ok(Part { cursor, blocks, data_blocks: self.data_blocks })
    }

    /// A mapped thin block about `fraction` (0 to 1) of the way through all mapped ones; None where
    /// nothing is mapped. Reads one node of each level, so that random samples are cheap; exact
    /// only as far as the subtrees of a node are of one size.
    ///
    /// # Errors
    /// Where the device fails or the metadata is damaged.
    pub fn quantile(&self, fraction: f64) -> Result<Option<u64>> {
        let mut fraction = fraction.clamp(0.0, 1.0);
        let found = self.tree.find(self.blocks, |node: &Node<U64>| {
            let count = node.keys().len();
            let place = fraction * count as f64;
            // Rounding (or a fraction of 1) may name the entry after the last.
            let index = (place as usize).min(count.checked_sub(1)?);
            fraction = (place - index as f64).clamp(0.0, 1.0);
            Some(index)
        })?;
        Ok(found.map(|(key, _)| key))
    }

    /// The highest mapped thin block; None where nothing is mapped. Reads one node of each level.
    ///
    /// # Errors
    /// Where the device fails or the metadata is damaged.
    pub fn last(&self) -> Result<Option<u64>> {
        let last = |node: &Node<U64>| node.keys().len().checked_sub(1);
        Ok(self.tree.find(self.blocks, last)?.map(|(key, _)| key))
    }

    /// Where the last mapped thin block ends, in bytes: the least that the volume's size can be; 0
    /// where nothing is mapped. Reads one node of each level.
    ///
    /// # Errors
    /// Where the device fails or the metadata is damaged, or no volume is so large.
    pub fn end(&self) -> Result<u64> {
        let mut cursor = self.tree.cursor::<_, U64>(self.blocks);
        cursor.descend(|node| node.len().checked_sub(1))?;
        let Some((leaf, key, _)) = cursor.next_in_leaf()? else { return Ok(0) };
        let end = key.checked_add(1).and_then(|blocks| blocks.checked_mul(self.data_block_size));
        end.filter(|end| *end <= MOST).ok_or_else(|| {
            Error::corrupt(
                leaf,
                format!("it maps block {key}, past the end of the largest possible volume"),
            )
        })
    }

    /// A walk through this tree alone.
    fn walk(&self) -> Walk<'m, R> {
        Walk::through(self.blocks, [None, Some(self.tree)])
    }
}

/// The mappings of a device in the order of thin blocks; ends after an error.
pub struct Iter<'m, R> {
    /// None after an error or the end.
    walk: Option<Walk<'m, R>>,
}

impl<R: ReadAt> Iterator for Iter<'_, R> {
    type Item = Result<(ThinBlock, DataBlock)>;

    fn next(&mut self) -> Option<Self::Item> {
        let walk = self.walk.as_mut()?;
        let found = walk.leaves().map(|leaves| match leaves {
            Leaves::One(_, Entries { keys: [key, ..], values: [value, ..] }, _) => {
                Some((key.get().into(), DataBlock::from_mapping(value.get())))
            }
            _ => None,
        });
        match found {
            Ok(Some(_)) => walk.pass(Side::Target, 1),
            Ok(None) | Err(_) => self.walk = None,
        }
        found.transpose()
    }
}

/// The mappings of a device in a range of thin blocks, ascending; ends after an error.
pub struct Part<'m, R> {
    /// None after an error or the end.
    cursor: Option<Cursor<'m, R, U64>>,
    blocks: Range<u64>,
    data_blocks: u64,
}

impl<R> Part<'_, R> {
    /// A mapping, as the leaf has it.
    fn checked(&self, leaf: MetaBlock, key: u64, value: U64) -> Result<(ThinBlock, DataBlock)> {
        let block = DataBlock::from_mapping(value.get());
        if self.data_blocks != 0 && block.get() >= self.data_blocks {
            let reason = format!(
                "it maps block {key} to data block {}, but the pool has {}",
                block.get(),
                self.data_blocks
            );
            return Err(Error::corrupt(leaf, reason));
        }
        Ok((key.into(), block))
    }
}

impl<R: ReadAt> Iterator for Part<'_, R> {
    type Item = Result<(ThinBlock, DataBlock)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let found = match self.cursor.as_mut()?.next_in_leaf() {
                // The first may be one below the range.
                Ok(Some((_, key, _))) if key < self.blocks.start => continue,
                Ok(Some((leaf, key, value))) if key < self.blocks.end => {
                    Some(self.checked(leaf, key, value))
                }
                Ok(_) => None,
                Err(error) => Some(Err(error)),
            };
            if !matches!(found, Some(Ok(_))) {
                self.cursor = None;
            }
            return found;
        }
    }
}

/// A run of mapped thin blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first of them.
    pub begin: u64,
    /// How many there are. `begin + length` may be 2^64.
    pub length: u64,
}

impl Run {
    pub(crate) fn one(block: u64) -> Self {
        Self { begin: block, length: 1 }
    }

    /// Takes `block` in if it is the one after the run.
    pub(crate) fn extend(&mut self, block: u64) -> bool {
        let next = self.begin.checked_add(self.length);
        match self.length.checked_add(1) {
            Some(length) if next == Some(block) => {
                self.length = length;
                true
            }
            _ => false,
        }
    }
}

/// The mapped runs of a device in ascending order; ends after an error.
pub struct Runs<'m, R> {
    /// None after an error or the end.
    walk: Option<Walk<'m, R>>,
    /// What is mapped before it is left out.
    from: u64,
    /// What was mapped before that time is left out.
    since: u64,
    /// Whether a run ends where the next data block lies elsewhere, or was mapped at another time.
    one_place: bool,
    /// Runs that no further mapping can lengthen.
    ready: VecDeque<Run>,
    /// The run that the next mapping may lengthen, and the value of the one taken in last.
    open: Option<(Run, u64)>,
}

/// What a mapping's value is more than that of the one before, where its data block follows that
/// one's and both are of one time.
const NEXT_BLOCK: u64 = 1 << 24;

/// The bits of a mapping's value that tell its time.
pub(crate) const TIME: u64 = NEXT_BLOCK - 1;

impl<R: ReadAt> Runs<'_, R> {
    /// Takes a leaf's mappings in; false at the end.
    fn take_in(&mut self) -> Result<bool> {
        let Some(walk) = &mut self.walk else { return Ok(false) };
        let Leaves::One(side, Entries { keys, values }, _) = walk.leaves()? else {
            return Ok(false);
        };
        let (from, since) = (self.from, self.since);
        let wanted = |(key, value): &(u64, u64)| *key >= from && (value & TIME) >= since;
        let entries = keys.iter().zip(values).map(|(key, value)| (key.get(), value.get()));
        for (key, value) in entries.filter(wanted) {
            if let Some((run, last)) = &mut self.open
                && (!self.one_place || last.checked_add(NEXT_BLOCK) == Some(value))
                && run.extend(key)
            {
                *last = value;
                continue;
            }
            self.ready.extend(self.open.replace((Run::one(key), value)).map(|(run, _)| run));
        }
        let count = keys.len();
        walk.pass(side, count);
        Ok(true)
    }
}

impl<R: ReadAt> Iterator for Runs<'_, R> {
    type Item = Result<Run>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() {
            match self.take_in() {
                Ok(true) => {}
                Ok(false) => {
                    self.walk = None;
                    return self.open.take().map(|(run, _)| Ok(run));
                }
                Err(error) => {
                    (self.walk, self.open) = (None, None);
                    return Some(Err(error));
                }
            }
        }
        self.ready.pop_front().map(Ok)
    }
}
