//! [`Mappings`]: which data block each block of one thin device is mapped to.

use blockio::ReadAt;
use zerocopy::little_endian::U64;

use crate::block::Blocks;
use crate::btree::{Cursor, Tree};
use crate::node::Node;
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
        Iter { cursor: Some(self.cursor()) }
    }

    /// The mapped runs in ascending order, neighbours joined wherever their data blocks lie.
    pub fn runs(&self) -> Runs<'m, R> {
        Runs { mappings: self.iter(), open: None }
    }

    /// The data block that `block` is mapped to, if it is; reads one node of each level.
    ///
    /// # Errors
    /// Where the device fails or the metadata is damaged.
    pub fn get(&self, block: ThinBlock) -> Result<Option<DataBlock>> {
        let value = self.tree.get(self.blocks, block.get())?;
        Ok(value.map(|value: U64| DataBlock::from_mapping(value.get())))
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

    /// A cursor before the first mapping.
    pub(crate) fn cursor(&self) -> Cursor<'m, R, U64> {
        self.tree.cursor(self.blocks)
    }
}

/// The mappings of a device in the order of thin blocks; ends after an error.
pub struct Iter<'m, R> {
    /// None after an error or the end.
    cursor: Option<Cursor<'m, R, U64>>,
}

impl<R: ReadAt> Iterator for Iter<'_, R> {
    type Item = Result<(ThinBlock, DataBlock)>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.cursor.as_mut()?.next_entry() {
            Ok(Some((key, value))) => Some(Ok((key.into(), DataBlock::from_mapping(value.get())))),
            Ok(None) => {
                self.cursor = None;
                None
            }
            Err(error) => {
                self.cursor = None;
                Some(Err(error))
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
    mappings: Iter<'m, R>,
    /// The run that the next mapping may lengthen.
    open: Option<Run>,
}

impl<R: ReadAt> Iterator for Runs<'_, R> {
    type Item = Result<Run>;

    fn next(&mut self) -> Option<Self::Item> {
        for mapping in self.mappings.by_ref() {
            let block = match mapping {
                Ok((block, _)) => block.get(),
                Err(error) => {
                    self.open = None;
                    return Some(Err(error));
                }
            };
            if self.open.as_mut().is_some_and(|run| run.extend(block)) {
                continue;
            }
            if let Some(run) = self.open.replace(Run::one(block)) {
                return Some(Ok(run));
            }
        }
        self.open.take().map(Ok)
    }
}
