//! [`Walk`]: two mapping trees, or one, gone through together in the order of keys.
//!
//! The trees are taken apart level by level from their roots down, each level lazily and in the
//! order of keys: what two nodes have below them in common, by the same block number, is left out
//! there and never read. Each level runs some way ahead of the one below it and announces which
//! nodes it will read, so that a device can have many reads under way, while the memory stays that
//! of a window of nodes for each level, however large the trees are.

use std::collections::VecDeque;

use blockio::ReadAt;
use zerocopy::little_endian::U64;

use crate::block::Blocks;
use crate::btree::Tree;
use crate::node::{Node, Subtree, read_node};
use crate::{Error, Result};

/// How many nodes of a level are announced ahead of the one that is read: 16 MiB of them.
const WINDOW: usize = 4096;

/// One of the two trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Base,
    Target,
}

const SIDES: [Side; 2] = [Side::Base, Side::Target];

/// A walk through the trees of mappings that two devices do not share.
pub(crate) struct Walk<'m, R> {
    blocks: &'m Blocks<R>,
    /// Each tree's root, until its level has taken it in.
    roots: [Option<Subtree>; 2],
    /// The nodes of height 1, the leaves, then those of height 2, and so on.
    levels: Vec<Level>,
    /// Subtrees that end before this key are skipped, unread.
    from: u64,
}

/// The nodes of one height, of both trees.
#[derive(Default)]
struct Level {
    sides: [Nodes; 2],
    /// Where the subtree taken in last begins. Those that are still to come begin no lower.
    taken_to: u64,
    /// Whether all have been taken in.
    ended: bool,
}

/// The nodes of one height, of one tree.
#[derive(Default)]
struct Nodes {
    /// Announced, in the order of keys.
    ahead: VecDeque<Subtree>,
    node: Option<Node<U64>>,
    /// How much of the node has been skipped.
    index: usize,
}

/// What stands before the walk in the leaves. [`Walk::pass`] goes on from there.
pub(crate) enum Leaves<'w> {
    /// Entries of both trees, at least one of each.
    Both([Entries<'w>; 2]),
    /// Entries of one tree. The other one has none below the bound; no more at all without one.
    One(Side, Entries<'w>, Option<u64>),
    /// Nothing more.
    End,
}

/// Keys and values of a leaf, from where the walk is.
#[derive(Clone, Copy)]
pub(crate) struct Entries<'w> {
    pub(crate) keys: &'w [U64],
    pub(crate) values: &'w [U64],
}

impl<'m, R: ReadAt> Walk<'m, R> {
    /// A walk through what is not shared by the two trees.
    pub(crate) fn through(blocks: &'m Blocks<R>, trees: [Option<Tree>; 2]) -> Self {
        let height = |tree: &Option<Tree>| tree.map_or(0, |tree| tree.height());
        let levels = trees.iter().map(height).max().unwrap_or(0);
        Self {
            blocks,
            roots: trees.map(|tree| tree.map(|tree| tree.subtree())),
            levels: (0..levels).map(|_| Level::default()).collect(),
            from: 0,
        }
    }

    /// The same walk, but what lies before `key` need not be shown: whole subtrees of it are not
    /// read, while the first leaf may still have entries of it.
    pub(crate) fn starting_at(self, key: u64) -> Self {
        Self { from: key, ..self }
    }

    /// The leaves' entries that come next.
    pub(crate) fn leaves(&mut self) -> Result<Leaves<'_>> {
        while !self.knows_next_entry()? {
            self.take_in(0)?;
        }
        let Some(level) = self.levels.first() else { return Ok(Leaves::End) };
        let bound = (!level.ended).then_some(level.taken_to);
        let [base, target] = level.sides.each_ref().map(Nodes::entries);
        Ok(match (base.keys.is_empty(), target.keys.is_empty()) {
            (false, false) => Leaves::Both([base, target]),
            (false, true) => Leaves::One(Side::Base, base, bound),
            (true, false) => Leaves::One(Side::Target, target, bound),
            (true, true) => Leaves::End,
        })
    }

    /// Whether the lowest entry that is there is the lowest of all: a tree that shows none may
    /// still have one no lower than what was taken in last.
    fn knows_next_entry(&mut self) -> Result<bool> {
        let Some(level) = self.load(0)? else { return Ok(true) };
        let first = |nodes: &Nodes| nodes.entries().keys.first().map(|key| key.get());
        let alone = |key| level.ended || key < level.taken_to;
        Ok(match level.sides.each_ref().map(first) {
            [Some(_), Some(_)] => true,
            [Some(key), None] | [None, Some(key)] => alone(key),
            [None, None] => level.ended,
        })
    }

    /// Skips this many of a tree's entries, which [`Walk::leaves`] has shown.
    pub(crate) fn pass(&mut self, side: Side, count: usize) {
        if let Some(level) = self.levels.first_mut() {
            level.sides[side as usize].pass(count);
        }
    }

    /// Makes sure that each tree's node on a level is one that is not skipped yet, as far as
    /// there are any announced.
    fn load(&mut self, height: usize) -> Result<Option<&Level>> {
        for side in SIDES {
            let side = side as usize;
            while self.levels.get(height).is_some_and(|level| level.sides[side].is_done()) {
                self.run_ahead(height)?;
                let nodes = &mut self.levels[height].sides[side];
                let Some(subtree) = nodes.ahead.pop_front() else { break };
                nodes.node = Some(read_node(self.blocks, subtree)?);
                nodes.index = 0;
            }
        }
        Ok(self.levels.get(height))
    }

    /// Announces nodes until the window is full.
    fn run_ahead(&mut self, height: usize) -> Result<()> {
        while let Some(level) = self.levels.get(height) {
            let ahead = level.sides.iter().map(|nodes| nodes.ahead.len()).sum::<usize>();
            if level.ended || ahead >= WINDOW {
                break;
            }
            self.take_in(height)?;
        }
        Ok(())
    }

    /// Takes the next subtree in on a level, and announces it.
    fn take_in(&mut self, height: usize) -> Result<()> {
        let next = self.next_subtree(height)?;
        let Some(level) = self.levels.get_mut(height) else { return Ok(()) };
        match next {
            None => level.ended = true,
            Some((side, subtree)) => {
                self.blocks.announce(subtree.block);
                level.taken_to = *subtree.keys.start();
                level.sides[side as usize].ahead.push_back(subtree);
            }
        }
        Ok(())
    }

    /// The next subtree of a height, in the order of keys, that the two trees do not share.
    fn next_subtree(&mut self, height: usize) -> Result<Option<(Side, Subtree)>> {
        let above = height.saturating_add(1);
        loop {
            self.load(above)?;
            let [base, target] = SIDES.map(|side| self.head(height, side));
            let early = |head: &Option<Subtree>| {
                head.as_ref().is_some_and(|subtree| *subtree.keys.end() < self.from)
            };
            if let Some(side) =
                SIDES.into_iter().find(|side| early([&base, &target][*side as usize]))
            {
                self.pass_head(height, side);
                continue;
            }
            // Where only one side has something to show, the other may still have the same.
            let (to, ended) = match self.levels.get(above) {
                Some(level) => (level.taken_to, level.ended),
                None => (0, true),
            };
            let alone = |subtree: &Subtree| ended || *subtree.keys.start() < to;
            let side = match (&base, &target) {
                (Some(base), Some(target)) if base.block == target.block => {
                    // The parents may give one block different bounds. Its keys lie within both,
                    // the rest of either tree lies outside them, so nothing is lost without it.
                    if !base.overlaps(target) {
                        let reason = "two parents give it disjoint ranges of keys";
                        return Err(Error::corrupt(base.block, reason));
                    }
                    SIDES.into_iter().for_each(|side| self.pass_head(height, side));
                    continue;
                }
                (Some(base), Some(target)) => {
                    if base.keys.start() <= target.keys.start() {
                        Side::Base
                    } else {
                        Side::Target
                    }
                }
                (Some(base), None) if alone(base) => Side::Base,
                (None, Some(target)) if alone(target) => Side::Target,
                (None, None) if ended => return Ok(None),
                _ => {
                    self.take_in(above)?;
                    continue;
                }
            };
            self.pass_head(height, side);
            let subtree = if side == Side::Base { base } else { target };
            return Ok(subtree.map(|subtree| (side, subtree)));
        }
    }

    /// A tree's next subtree of a height, as far as its parent has been read.
    fn head(&self, height: usize, side: Side) -> Option<Subtree> {
        let of_height = |root: &&Subtree| root.height == Some(height.saturating_add(1));
        if let Some(root) = self.roots[side as usize].as_ref().filter(of_height) {
            return Some(root.clone());
        }
        let nodes = &self.levels.get(height.saturating_add(1))?.sides[side as usize];
        nodes.node.as_ref()?.subtree(nodes.index)
    }

    fn pass_head(&mut self, height: usize, side: Side) {
        let of_height = |root: &mut Subtree| root.height == Some(height.saturating_add(1));
        if self.roots[side as usize].take_if(of_height).is_some() {
            return;
        }
        if let Some(level) = self.levels.get_mut(height.saturating_add(1)) {
            level.sides[side as usize].pass(1);
        }
    }
}

impl Nodes {
    fn is_done(&self) -> bool {
        self.node.as_ref().is_none_or(|node| self.index >= node.len())
    }

    fn pass(&mut self, count: usize) {
        // An index is at most a node's number of entries.
        self.index = self.index.saturating_add(count);
    }

    fn entries(&self) -> Entries<'_> {
        let (keys, values) = match &self.node {
            Some(node) => node.leaf_entries(),
            None => (&[][..], &[][..]),
        };
        Entries {
            keys: keys.get(self.index..).unwrap_or_default(),
            values: values.get(self.index..).unwrap_or_default(),
        }
    }
}
