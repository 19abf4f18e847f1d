//! [`Mappings`]: which data block each block of one thin device is mapped to.

use std::collections::VecDeque;
use std::ops::Range;

use blockio::ReadAt;
use zerocopy::little_endian::U64;

use crate::block::Blocks;
use crate::btree::{Cursor, Tree};
use crate::node::Node;
use crate::walk::{Entries, Leaves, Side, Walk};
use crate::{DataBlock, MetaBlock, Result, ThinBlock};

/// The mapping tree of one thin device.
pub struct Mappings<'m, R> {
    blocks: &'m Blocks<R>,
    tree: Tree,
}

impl<'m, R: ReadAt> Mappings<'m, R> {
    pub(crate) fn open(blocks: &'m Blocks<R>, root: MetaBlock) -> Result<Self> {
        Ok(Self { blocks, tree: Tree::open::<U64>(blocks, root)? })
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
        Runs { walk, from, one_place: false, ready: VecDeque::new(), open: None }
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
    /// nodes that follow, as far as the range goes, none of them ahead: for few blocks.
    ///
    /// # Errors
    /// Where the device fails or the metadata is damaged.
    pub fn range(&self, blocks: Range<u64>) -> Result<Part<'m, R>> {
        Ok(Part { cursor: Some(self.tree.cursor_near(self.blocks, blocks.start)?), blocks })
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
            // Rounding (or a fraction of 1) may name the entry behind the last.
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
}

impl<R: ReadAt> Iterator for Part<'_, R> {
    type Item = Result<(ThinBlock, DataBlock)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.cursor.as_mut()?.next_entry() {
                // The first may be one below the range.
                Ok(Some((key, _))) if key < self.blocks.start => {}
                Ok(Some((key, value))) if key < self.blocks.end => {
                    return Some(Ok((key.into(), DataBlock::from_mapping(value.get()))));
                }
                Ok(_) => self.cursor = None,
                Err(error) => {
                    self.cursor = None;
                    return Some(Err(error));
                }
            }
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

    /// Takes `block` in if it is the one behind the run.
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

impl<R: ReadAt> Runs<'_, R> {
    /// Takes a leaf's mappings in; false at the end.
    fn take_in(&mut self) -> Result<bool> {
        let Some(walk) = &mut self.walk else { return Ok(false) };
        let Leaves::One(side, Entries { keys, values }, _) = walk.leaves()? else {
            return Ok(false);
        };
        for (key, value) in keys.iter().zip(values).filter(|(key, _)| key.get() >= self.from) {
            let (key, value) = (key.get(), value.get());
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
