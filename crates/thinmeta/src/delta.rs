//! [`Delta`]: what changed from one thin device to another, as ascending extents.

use std::cmp::Ordering;

use blockio::ReadAt;
use zerocopy::little_endian::U64;

use crate::btree::{Cursor, Head};
use crate::mapping::Run;
use crate::node::Subtree;
use crate::{DataBlock, Error, Mappings, Result};

/// What happened to an extent on the way from the base to the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExtentKind {
    /// Mapped in the target; in the base mapped to other data blocks, or not at all.
    Changed,
    /// Mapped in the base only.
    Unmapped,
}

/// A contiguous run of a thin device, counted in the pool's data blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extent {
    /// The first thin block.
    pub begin: u64,
    /// How many thin blocks there are. `begin + length` may be 2^64.
    pub length: u64,
    /// What happened to them.
    pub kind: ExtentKind,
}

/// The extents in which two thin devices differ, ascending and disjoint; neighbours of one kind are
/// joined. Ends after an error.
///
/// Two cursors go through both mapping trees together. Where they stand before the same block both
/// pass over it unread: what is below it is the same on both sides.
pub struct Delta<'m, R> {
    /// Both cursors; None where nothing is left to compare.
    sides: Option<Sides<'m, R>>,
    /// The extent that the next difference may lengthen.
    open: Option<(Run, ExtentKind)>,
}

struct Sides<'m, R> {
    base: Cursor<'m, R, U64>,
    target: Cursor<'m, R, U64>,
}

impl<'m, R: ReadAt> Delta<'m, R> {
    pub(crate) fn new(base: &Mappings<'m, R>, target: &Mappings<'m, R>) -> Self {
        let sides = Sides { base: base.cursor(), target: target.cursor() };
        Self { sides: Some(sides), open: None }
    }

    /// The delta of a device to one that has the same tree.
    pub(crate) fn empty() -> Self {
        Self { sides: None, open: None }
    }
}

impl<R: ReadAt> Iterator for Delta<'_, R> {
    type Item = Result<Extent>;

    fn next(&mut self) -> Option<Self::Item> {
        let extent = |(Run { begin, length }, kind)| Ok(Extent { begin, length, kind });
        while let Some(sides) = &mut self.sides {
            match sides.next_difference() {
                Ok(Some((block, kind))) => {
                    let joined = |(run, open): &mut (Run, _)| *open == kind && run.extend(block);
                    if self.open.as_mut().is_some_and(joined) {
                        continue;
                    }
                    if let Some(done) = self.open.replace((Run::one(block), kind)) {
                        return Some(extent(done));
                    }
                }
                Ok(None) => self.sides = None,
                Err(error) => {
                    *self = Self::empty();
                    return Some(Err(error));
                }
            }
        }
        self.open.take().map(extent)
    }
}

impl<R: ReadAt> Sides<'_, R> {
    /// The next thin block that differs; None at the end.
    ///
    /// An entry is told only once the other side stands before a higher key, and a subtree's range
    /// begins no higher than its first key; so differences come in ascending order, and each block
    /// meets its counterpart if it has one.
    fn next_difference(&mut self) -> Result<Option<(u64, ExtentKind)>> {
        loop {
            match (self.base.head(), self.target.head()) {
                (None, None) => return Ok(None),
                (Some(Head::Subtree(base)), Some(Head::Subtree(target))) => {
                    self.compare_subtrees(&base, &target)?;
                }
                (Some(Head::Entry(base, old)), Some(Head::Entry(target, new))) => {
                    match base.cmp(&target) {
                        Ordering::Less => return Ok(Some(self.unmapped(base))),
                        Ordering::Greater => return Ok(Some(self.changed(target))),
                        Ordering::Equal => {
                            self.base.skip();
                            self.target.skip();
                            let data_block = |value: U64| DataBlock::from_mapping(value.get());
                            if data_block(old) != data_block(new) {
                                return Ok(Some((target, ExtentKind::Changed)));
                            }
                        }
                    }
                }
                // An entry goes first if the other side's subtree cannot hold its counterpart.
                (Some(Head::Entry(base, _)), target) => match target {
                    Some(Head::Subtree(target)) if *target.keys.start() <= base => {
                        self.target.expand()?;
                    }
                    _ => return Ok(Some(self.unmapped(base))),
                },
                (base, Some(Head::Entry(target, _))) => match base {
                    Some(Head::Subtree(base)) if *base.keys.start() <= target => {
                        self.base.expand()?;
                    }
                    _ => return Ok(Some(self.changed(target))),
                },
                (Some(Head::Subtree(_)), None) => self.base.expand()?,
                (None, Some(Head::Subtree(_))) => self.target.expand()?,
            }
        }
    }

    fn unmapped(&mut self, block: u64) -> (u64, ExtentKind) {
        self.base.skip();
        (block, ExtentKind::Unmapped)
    }

    fn changed(&mut self, block: u64) -> (u64, ExtentKind) {
        self.target.skip();
        (block, ExtentKind::Changed)
    }

    /// Passes over a shared subtree, or expands whichever of the two must be read in any case.
    fn compare_subtrees(&mut self, base: &Subtree, target: &Subtree) -> Result<()> {
        let overlap = base.overlaps(target);
        if base.block == target.block {
            // The parents may give one block different bounds. Its keys lie within both, the rest
            // of either side lies outside them, so passing over it on both sides loses nothing.
            if !overlap {
                let reason = "two parents give it ranges of keys that are disjoint";
                return Err(Error::corrupt(base.block, reason));
            }
            self.base.skip();
            self.target.skip();
            return Ok(());
        }
        // The higher of two may turn out to hold the other. Where they are of equal height, one
        // that begins later may still be found further on in the other tree.
        let order = match overlap {
            true => target.height.cmp(&base.height),
            false => Ordering::Equal,
        };
        let order = order.then(base.keys.start().cmp(target.keys.start()));
        if order.is_le() {
            self.base.expand()?;
        }
        if order.is_ge() {
            self.target.expand()?;
        }
        Ok(())
    }
}
