//! [`Delta`]: what changed from one thin device to another, as ascending extents.

use std::cmp::Ordering;
use std::collections::VecDeque;

use blockio::ReadAt;
use zerocopy::little_endian::U64;

use crate::mapping::{Run, TIME};
use crate::walk::{Entries, Leaves, Side, Walk};
use crate::{DataBlock, Result};

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
/// Both mapping trees are gone through together, and what they share is skipped unread.
pub struct Delta<'m, R> {
    /// None where nothing is left to compare.
    walk: Option<Walk<'m, R>>,
    found: Found,
}

/// What has been found and not been told yet.
#[derive(Default)]
struct Found {
    /// Extents that no further difference can lengthen.
    ready: VecDeque<Extent>,
    /// The extent that the next difference may lengthen.
    open: Option<(Run, ExtentKind)>,
    /// The latest time at which one of the changed blocks was mapped in the target.
    newest: Option<u64>,
}

impl<'m, R: ReadAt> Delta<'m, R> {
    pub(crate) fn new(walk: Walk<'m, R>) -> Self {
        Self { walk: Some(walk), found: Found::default() }
    }

    /// The delta of a device to one that has the same tree.
    pub(crate) fn empty() -> Self {
        Self { walk: None, found: Found::default() }
    }

    /// The pool's time when the newest of the changed blocks found so far was mapped in the target; `None` without
    /// any. Of a snapshot it is earlier than the snapshot's own time as long as nothing was written to it.
    pub fn newest(&self) -> Option<u64> {
        self.found.newest
    }
}

impl<R: ReadAt> Iterator for Delta<'_, R> {
    type Item = Result<Extent>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.found.ready.is_empty() {
            let Some(walk) = &mut self.walk else { break };
            match self.found.compare_leaves(walk) {
                Ok(true) => {}
                Ok(false) => self.walk = None,
                Err(error) => {
                    *self = Self::empty();
                    return Some(Err(error));
                }
            }
        }
        let extent = self.found.ready.pop_front();
        extent.or_else(|| self.found.open.take().map(extent_of)).map(Ok)
    }
}

impl Found {
    /// Compares what there is of the leaves; false at the end.
    fn compare_leaves<R: ReadAt>(&mut self, walk: &mut Walk<'_, R>) -> Result<bool> {
        let [base, target] = match walk.leaves()? {
            Leaves::End => return Ok(false),
            Leaves::Both([base, target]) => self.compare(base, target),
            Leaves::One(side, entries, bound) => {
                let below = |key: &&U64| bound.is_none_or(|bound| key.get() < bound);
                let keys = entries.keys.iter().take_while(below);
                match side {
                    Side::Base => {
                        let add = |key: &U64| self.add(key.get(), ExtentKind::Unmapped);
                        [keys.map(add).count(), 0]
                    }
                    Side::Target => {
                        let mapped = keys.zip(entries.values);
                        [0, mapped.map(|(key, value)| self.change(key.get(), *value)).count()]
                    }
                }
            }
        };
        walk.pass(Side::Base, base);
        walk.pass(Side::Target, target);
        Ok(true)
    }

    /// Compares entries until one side has no more of them; yields how many of each are done.
    fn compare(&mut self, base: Entries<'_>, target: Entries<'_>) -> [usize; 2] {
        let mut old = base.keys.iter().zip(base.values).peekable();
        let mut new = target.keys.iter().zip(target.values).peekable();
        while let (Some((base, old_value)), Some((target, new_value))) = (old.peek(), new.peek()) {
            let (base, target) = (base.get(), target.get());
            let order = base.cmp(&target);
            if order == Ordering::Less {
                self.add(base, ExtentKind::Unmapped);
            } else if order == Ordering::Greater
                || DataBlock::from_mapping(old_value.get())
                    != DataBlock::from_mapping(new_value.get())
            {
                self.change(target, **new_value);
            }
            if order.is_le() {
                old.next();
            }
            if order.is_ge() {
                new.next();
            }
        }
        let done = |all: usize, left: usize| all.saturating_sub(left);
        [done(base.keys.len(), old.len()), done(target.keys.len(), new.len())]
    }

    /// Takes in a block that the target maps like this, and the base does not.
    fn change(&mut self, block: u64, value: U64) {
        self.newest = self.newest.max(Some(value.get() & TIME));
        self.add(block, ExtentKind::Changed);
    }

    /// Takes a difference in; they come in ascending order.
    fn add(&mut self, block: u64, kind: ExtentKind) {
        let joins = |(run, open): &mut (Run, ExtentKind)| *open == kind && run.extend(block);
        if !self.open.as_mut().is_some_and(joins) {
            self.ready.extend(self.open.replace((Run::one(block), kind)).map(extent_of));
        }
    }
}

fn extent_of((Run { begin, length }, kind): (Run, ExtentKind)) -> Extent {
    Extent { begin, length, kind }
}
