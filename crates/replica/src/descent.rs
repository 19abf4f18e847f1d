//! [`for_each_difference`]: where two digest trees differ, found from the top down.

use std::io;

use hyperlayer::{FAN_OUT, LEAF_BYTES, TreeHasher};
use peer::MOST_NODES;

/// BLAKE3 of a leaf or node.
pub(crate) type Digest = [u8; 32];

/// A digest tree, here or elsewhere.
pub(crate) trait Tree {
    /// The digests of the children of each of these nodes, at most [`MOST_NODES`]. Fewer than [`FAN_OUT`] where the
    /// volume ends.
    ///
    /// # Errors
    /// If they cannot be had.
    fn children(&mut self, level: usize, nodes: &[u64]) -> anyhow::Result<Vec<Vec<Digest>>>;
}

/// The error for a tree whose digests do not lead to its top.
#[derive(Debug, thiserror::Error)]
#[error(
    "the digests that the other side sends contradict each other, below node {node} of level {level}"
)]
pub(crate) struct Contradiction {
    level: usize,
    node: u64,
}

/// Calls `found` with the number of each leaf in which two volumes of this size differ, in ascending order. Each tree
/// comes with its top. Only what is below a difference is asked for, and once; what `theirs` says is checked against
/// what it has said before. Memory: 10 KiB for each of [`MOST_NODES`] nodes and level.
///
/// # Errors
/// [`Contradiction`]; those of the trees and of `found`.
pub(crate) fn for_each_difference(
    size: u64,
    (mine, my_top): (&mut dyn Tree, Digest),
    (theirs, their_top): (&mut dyn Tree, Digest),
    found: &mut dyn FnMut(u64) -> io::Result<()>,
) -> anyhow::Result<()> {
    if my_top == their_top {
        return Ok(());
    }
    let level = TreeHasher::height(size);
    Descent { size, mine, theirs, found }.below(level, &[(0, their_top)])
}

struct Descent<'a> {
    size: u64,
    mine: &'a mut dyn Tree,
    theirs: &'a mut dyn Tree,
    found: &'a mut dyn FnMut(u64) -> io::Result<()>,
}

impl Descent<'_> {
    /// Takes nodes that differ, with the digests of the other side.
    fn below(&mut self, level: usize, nodes: &[(u64, Digest)]) -> anyhow::Result<()> {
        let Some(child_level) = level.checked_sub(1) else {
            return Ok(nodes.iter().try_for_each(|(leaf, _)| (self.found)(*leaf))?);
        };
        for nodes in nodes.chunks(MOST_NODES) {
            let numbers: Vec<u64> = nodes.iter().map(|(number, _)| *number).collect();
            let mine = self.mine.children(level, &numbers)?;
            let theirs = self.theirs.children(level, &numbers)?;
            let mut differing = Vec::new();
            for (index, &(node, digest)) in nodes.iter().enumerate() {
                let expected = self.child_count(child_level, node);
                let contradiction = Contradiction { level, node };
                let (Some(mine), Some(theirs)) = (mine.get(index), theirs.get(index)) else {
                    return Err(contradiction.into());
                };
                if theirs.len() != expected || digest_of(level, theirs) != digest {
                    return Err(contradiction.into());
                }
                let first = node.saturating_mul(FAN_OUT as u64);
                let pairs = (first..).zip(mine.iter().zip(theirs));
                let different = pairs.filter(|(_, (mine, theirs))| mine != theirs);
                differing.extend(different.map(|(number, (_, theirs))| (number, *theirs)));
            }
            self.below(child_level, &differing)?;
        }
        Ok(())
    }

    /// How many children a node has.
    fn child_count(&self, child_level: usize, node: u64) -> usize {
        let mut count = self.size.div_ceil(LEAF_BYTES as u64).max(1);
        for _ in 0..child_level {
            count = count.div_ceil(FAN_OUT as u64);
        }
        let first = node.saturating_mul(FAN_OUT as u64);
        count.saturating_sub(first).min(FAN_OUT as u64) as usize
    }
}

/// The digest of a node with these children, and zeros after them.
fn digest_of(level: usize, children: &[Digest]) -> Digest {
    let mut all = [TreeHasher::zeros_digest(level - 1); FAN_OUT];
    let count = children.len().min(FAN_OUT);
    all[..count].copy_from_slice(&children[..count]);
    TreeHasher::node_digest(level, &all)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use baseproof::LeafTree;
    use proptest::prelude::*;

    use super::*;

    /// A tree that counts what it is asked.
    struct Peer {
        tree: LeafTree,
        asked: Vec<(usize, u64)>,
        /// What it does with its answers.
        bend: fn(&mut Vec<Vec<Digest>>),
    }

    impl Tree for Peer {
        fn children(&mut self, level: usize, nodes: &[u64]) -> anyhow::Result<Vec<Vec<Digest>>> {
            assert!(nodes.len() <= MOST_NODES);
            self.asked.extend(nodes.iter().map(|node| (level, *node)));
            let one = |node: &u64| Ok(self.tree.children(level, *node)?.unwrap());
            let mut all = nodes.iter().map(one).collect::<anyhow::Result<_>>()?;
            (self.bend)(&mut all);
            Ok(all)
        }
    }

    fn peer(size: u64, leaves: &BTreeMap<u64, u8>) -> (Peer, Digest) {
        let mut tree = LeafTree::new(tempfile::tempfile().unwrap(), size).unwrap();
        for (number, byte) in leaves {
            tree.leaf(*number, Some(TreeHasher::leaf_digest(&[*byte; 512]))).unwrap();
        }
        let top = tree.top().unwrap();
        (Peer { tree, asked: vec![], bend: |_| {} }, top)
    }

    fn differences(
        size: u64,
        mine: &mut (Peer, Digest),
        theirs: &mut (Peer, Digest),
    ) -> anyhow::Result<BTreeSet<u64>> {
        let mut found = Vec::new();
        let mut take = |leaf| {
            found.push(leaf);
            Ok(())
        };
        for_each_difference(size, (&mut mine.0, mine.1), (&mut theirs.0, theirs.1), &mut take)?;
        assert!(found.is_sorted());
        let all: BTreeSet<u64> = found.iter().copied().collect();
        assert_eq!(all.len(), found.len(), "one came twice");
        Ok(all)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

        #[test]
        fn exactly_what_differs_is_found_and_nothing_beside_it_is_asked(
            leaves in 0_u64..200_000,
            common in prop::collection::btree_map(0_u64..200_000, 1_u8..4, 0..60),
            changed in prop::collection::btree_map(0_u64..200_000, 0_u8..4, 0..60),
            run in (0_u64..200_000, 0_u64..600),
        ) {
            let size = leaves * LEAF_BYTES as u64 + 512;
            let mut mine: BTreeMap<u64, u8> = common.into_iter().filter(|(number, _)| *number <= leaves).collect();
            let mut other = mine.clone();
            let run = (run.0..run.0 + run.1).map(|number| (number, 3));
            for (number, byte) in changed.into_iter().chain(run).filter(|(number, _)| *number <= leaves) {
                // 0: a hole.
                match byte {
                    0 => drop(other.remove(&number)),
                    byte => drop(other.insert(number, byte)),
                }
            }
            mine.retain(|_, byte| *byte > 0);
            let expected: BTreeSet<u64> = mine.keys().chain(other.keys()).copied()
                .filter(|number| mine.get(number) != other.get(number)).collect();
            let (mut mine, mut theirs) = (peer(size, &mine), peer(size, &other));
            prop_assert_eq!(&differences(size, &mut mine, &mut theirs).unwrap(), &expected);
            let mut needed = BTreeSet::new();
            for leaf in &expected {
                let mut node = *leaf;
                for level in 1..=TreeHasher::height(size) {
                    node /= FAN_OUT as u64;
                    needed.insert((level, node));
                }
            }
            prop_assert_eq!(theirs.0.asked.len(), needed.len());
            prop_assert_eq!(theirs.0.asked.iter().copied().collect::<BTreeSet<_>>(), needed);
        }
    }

    #[test]
    fn answers_that_contradict_each_other_are_errors() {
        let size = 70_000 * LEAF_BYTES as u64;
        let bends: [fn(&mut Vec<Vec<Digest>>); 6] = [
            |all| all[0][0][0] ^= 1,
            |all| _ = all[0].pop(),
            |all| all[0].push([0; 32]),
            |all| all[0].clear(),
            |all| _ = all.pop(),
            |all| all[0].reverse(),
        ];
        for (number, bend) in bends.into_iter().enumerate() {
            let mut mine = peer(size, &BTreeMap::new());
            let mut theirs = peer(size, &BTreeMap::from([(7, 1), (65_000, 2)]));
            theirs.0.bend = bend;
            let error = differences(size, &mut mine, &mut theirs).unwrap_err();
            assert!(error.is::<Contradiction>(), "{number}: {error}");
        }
    }

    #[test]
    fn a_volume_of_one_leaf_needs_no_question() {
        let (mut mine, mut theirs) =
            (peer(512, &BTreeMap::new()), peer(512, &BTreeMap::from([(0, 1)])));
        assert_eq!(differences(512, &mut mine, &mut theirs).unwrap(), BTreeSet::from([0]));
        assert!(theirs.0.asked.is_empty());
    }
}
