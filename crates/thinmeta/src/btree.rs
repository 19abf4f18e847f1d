//! [`Cursor`]: the way down a B-tree (drivers/md/persistent-data/dm-btree.c), for look-ups and for
//! the small trees of devices. Trees of mappings are gone through by [`Walk`](crate::walk::Walk).

use blockio::ReadAt;
use zerocopy::little_endian::U64;

use crate::block::Blocks;
use crate::node::{Node, Subtree, Value, read_kept_node};
use crate::{Error, MetaBlock, Result};

/// No tree of 2^64 keys is as deep as this.
const MAX_DEPTH: usize = 64;

/// A tree whose height is known.
#[derive(Clone, Copy)]
pub(crate) struct Tree {
    root: MetaBlock,
    height: usize,
}

impl Tree {
    /// Measures the tree whose root is `root`, along its leftmost path.
    ///
    /// The height fixes what every other node must be, leaf or inner node. So a walk ends however
    /// the blocks refer to each other; and as ranges of keys are disjoint and only a whole tree may
    /// be empty, no walk visits a block twice, and damaged metadata cannot make it long.
    pub(crate) fn open<V: Value>(blocks: &Blocks<impl ReadAt>, root: MetaBlock) -> Result<Self> {
        let mut cursor = Cursor::<_, V>::new(blocks, Subtree::whole(root, None));
        cursor.descend(|_| Some(0))?;
        Ok(Self { root, height: cursor.path.len() })
    }

    /// Its levels, 1 for a leaf alone.
    pub(crate) fn height(&self) -> usize {
        self.height
    }

    /// All of it as a subtree.
    pub(crate) fn subtree(&self) -> Subtree {
        Subtree::whole(self.root, Some(self.height))
    }

    /// A cursor before the first entry.
    pub(crate) fn cursor<'m, R: ReadAt, V: Value>(
        &self,
        blocks: &'m Blocks<R>,
    ) -> Cursor<'m, R, V> {
        Cursor::new(blocks, self.subtree())
    }

    /// A cursor before the entry of `key`, or where there is none, before the last one below it or
    /// the first of all; reads one node of each level.
    pub(crate) fn cursor_near<'m, R: ReadAt, V: Value>(
        &self,
        blocks: &'m Blocks<R>,
        key: u64,
    ) -> Result<Cursor<'m, R, V>> {
        let mut cursor = self.cursor(blocks);
        cursor.descend(|node| {
            let not_above = |candidate: &U64| candidate.get() <= key;
            Some(node.keys().partition_point(not_above).saturating_sub(1))
        })?;
        Ok(cursor)
    }

    /// The value of `key`.
    pub(crate) fn get<R: ReadAt, V: Value>(
        &self,
        blocks: &Blocks<R>,
        key: u64,
    ) -> Result<Option<V>> {
        // In each node the last key that is not above the wanted one.
        let before = |node: &Node<V>| {
            node.keys().partition_point(|candidate| candidate.get() <= key).checked_sub(1)
        };
        let found = self.find(blocks, before)?;
        Ok(found.and_then(|(candidate, value)| (candidate == key).then_some(value)))
    }

    /// The entry to which one descent leads that goes the way `choose` says in each node.
    pub(crate) fn find<R: ReadAt, V: Value>(
        &self,
        blocks: &Blocks<R>,
        choose: impl FnMut(&Node<V>) -> Option<usize>,
    ) -> Result<Option<(u64, V)>> {
        let mut cursor = self.cursor(blocks);
        cursor.descend(choose)?;
        match cursor.head() {
            Some(Head::Entry(key, value)) => Ok(Some((key, value))),
            _ => Ok(None),
        }
    }
}

/// What a cursor stands before.
enum Head<V> {
    /// A subtree that has not been read.
    Subtree(Subtree),
    /// A leaf's entry.
    Entry(u64, V),
}

/// A place in a tree, and the verified nodes on the path to it.
pub(crate) struct Cursor<'m, R, V> {
    blocks: &'m Blocks<R>,
    /// The whole tree, until its root is read.
    root: Option<Subtree>,
    path: Vec<Step<V>>,
}

struct Step<V> {
    node: Node<V>,
    index: usize,
}

impl<V: Value> Step<V> {
    fn advance(&mut self) {
        // An index is at most a node's number of entries.
        self.index = self.index.saturating_add(1);
    }

    fn is_done(&self) -> bool {
        self.index >= self.node.keys().len()
    }
}

impl<'m, R: ReadAt, V: Value> Cursor<'m, R, V> {
    fn new(blocks: &'m Blocks<R>, root: Subtree) -> Self {
        Self { blocks, root: Some(root), path: Vec::new() }
    }

    /// What comes next in the order of keys; None at the end.
    fn head(&self) -> Option<Head<V>> {
        let Some(Step { node, index }) = self.path.last() else {
            return self.root.clone().map(Head::Subtree);
        };
        match node.value(*index) {
            Some((key, value)) => Some(Head::Entry(key, value)),
            None => node.subtree(*index).map(Head::Subtree),
        }
    }

    /// Skips what comes next.
    fn skip(&mut self) {
        self.root = None;
        if let Some(step) = self.path.last_mut() {
            step.advance();
        }
        while self.path.last().is_some_and(Step::is_done) {
            self.path.pop();
            if let Some(step) = self.path.last_mut() {
                step.advance();
            }
        }
    }

    /// Reads the subtree that comes next and stands before the first thing in it. Stays where it is
    /// before an entry, and at the end.
    fn expand(&mut self) -> Result<()> {
        let Some(Head::Subtree(subtree)) = self.head() else { return Ok(()) };
        let block = subtree.block;
        if self.path.iter().any(|step| step.node.block() == block) {
            return Err(Error::corrupt(block, "a loop: it is among its own descendants"));
        }
        if self.path.len() >= MAX_DEPTH {
            return Err(Error::corrupt(block, "a depth beyond 64"));
        }
        let node = read_kept_node(self.blocks, subtree)?;
        self.root = None;
        self.path.push(Step { node, index: 0 });
        Ok(())
    }

    /// Skips the next entry and returns it; None at the end.
    pub(crate) fn next_entry(&mut self) -> Result<Option<(u64, V)>> {
        Ok(self.next_in_leaf()?.map(|(_, key, value)| (key, value)))
    }

    /// The same, with the leaf that it is in.
    pub(crate) fn next_in_leaf(&mut self) -> Result<Option<(MetaBlock, u64, V)>> {
        loop {
            match (self.head(), self.path.last()) {
                (Some(Head::Entry(key, value)), Some(step)) => {
                    let leaf = step.node.block();
                    self.skip();
                    return Ok(Some((leaf, key, value)));
                }
                (Some(Head::Subtree(_)), _) => self.expand()?,
                _ => return Ok(None),
            }
        }
    }

    /// Goes down to a leaf, in each node to the index that `choose` says; None goes to the end.
    pub(crate) fn descend(
        &mut self,
        mut choose: impl FnMut(&Node<V>) -> Option<usize>,
    ) -> Result<()> {
        while let Some(Head::Subtree(_)) = self.head() {
            self.expand()?;
            if let Some(step) = self.path.last_mut() {
                step.index = choose(&step.node).unwrap_or(usize::MAX);
            }
        }
        Ok(())
    }
}
