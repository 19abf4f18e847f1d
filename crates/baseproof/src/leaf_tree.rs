//! [`LeafTree`]: a volume's digest tree in a file, of which only what changes is computed anew.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use blockio::ReadAt;
use hyperlayer::{FAN_OUT, LEAF_BYTES, TreeHasher};
use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};

/// BLAKE3 of a leaf, a node or a root.
type Digest = [u8; 32];

/// What stands for the digest of zeros in the file: so what has no data takes no space.
const HOLE: Digest = [0; 32];

const MAGIC: &[u8; 16] = b"lvdiff tree 1\n\0\0";

/// The first page says what the file is; the levels follow, leaves first.
const HEAD: u64 = 4096;

/// How many leaves of a tree are compared with the volume, to see whether they are still its own.
const SAMPLE: u64 = 64;

/// The digests of all leaves and nodes of a volume's tree, 32 bytes each, in a sparse file: 512 MiB for each TiB of
/// data. To change leaves costs what changes: one node of 8 KiB for each level above them. Memory: 8 KiB.
pub struct LeafTree {
    file: File,
    size: u64,
    levels: Vec<Level>,
    /// Leaves that follow one another and are not in the file yet.
    waiting: Vec<Digest>,
    /// The number of the first of them.
    first: u64,
}

/// A level of the tree in the file.
struct Level {
    /// Where it begins.
    begin: u64,
    /// How many digests it has.
    count: u64,
    /// The node that must be computed anew, because children of it changed.
    stale: Option<u64>,
}

impl LeafTree {
    /// The tree of a volume of zeros, in an empty file.
    ///
    /// # Errors
    /// Where the file cannot be that long.
    pub fn new(file: File, size: u64) -> io::Result<Self> {
        let tree = Self::over(file, size);
        let end = tree.levels.last().map_or(HEAD, |level| level.begin + level.count * 32);
        tree.file.set_len(end)?;
        Ok(tree)
    }

    /// The tree that was [sealed](LeafTree::seal) in a file; none where that is not one of a volume of this size, or
    /// is damaged in what can be seen at once.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn sealed(file: File, size: u64) -> io::Result<Option<(Self, Digest)>> {
        let mut tree = Self::over(file, size);
        let mut head = [0; 88];
        match tree.file.read_exact_at(&mut head, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let (said, check) = head.split_at(56);
        if said[..16] != *MAGIC
            || said[16..24] != size.to_le_bytes()
            || blake3::hash(said) != *check.first_chunk::<32>().expect("it has 32 bytes")
        {
            return Ok(None);
        }
        let end = tree.levels.last().map_or(HEAD, |level| level.begin + level.count * 32);
        if tree.file.metadata()?.len() != end {
            return Ok(None);
        }
        let root = tree.root()?;
        Ok((said[24..56] == root).then_some((tree, root)))
    }

    fn over(file: File, size: u64) -> Self {
        let mut levels = Vec::new();
        let (mut begin, mut count) = (HEAD, size.div_ceil(LEAF_BYTES as u64).max(1));
        for _ in 0..=TreeHasher::height(size) {
            levels.push(Level { begin, count, stale: None });
            begin += count * 32;
            count = count.div_ceil(FAN_OUT as u64);
        }
        Self { file, size, levels, waiting: Vec::new(), first: 0 }
    }

    /// Puts in the digest of a leaf, none where it holds zeros. Leaves ascend; the last one may come again.
    ///
    /// # Errors
    /// Where the file cannot be written to, and where the leaf lies after the volume's end.
    pub fn leaf(&mut self, number: u64, digest: Option<Digest>) -> io::Result<()> {
        if number >= self.levels[0].count {
            return Err(io::Error::other(format!("leaf {number} lies after the volume's end")));
        }
        let next = self.first + self.waiting.len() as u64;
        let goes_on = number == next && !number.is_multiple_of(FAN_OUT as u64);
        if !goes_on {
            self.flush()?;
            self.first = number;
        }
        // What is zeros has one digest, whether it was looked at or not.
        let digest = digest.filter(|digest| *digest != TreeHasher::zeros_digest(0));
        self.waiting.push(digest.unwrap_or(HOLE));
        Ok(())
    }

    /// Makes zeros of the leaves from `begin` on, before `end`. They ascend as with [`LeafTree::leaf`].
    ///
    /// # Errors
    /// As for [`LeafTree::leaf`].
    pub fn zeros(&mut self, begin: u64, end: u64) -> io::Result<()> {
        self.flush()?;
        let end = end.min(self.levels[0].count);
        if begin < end { self.clear(0, begin, end) } else { Ok(()) }
    }

    fn clear(&mut self, level: usize, begin: u64, end: u64) -> io::Result<()> {
        let place = self.levels[level].begin + begin * 32;
        punch(&self.file, place, (end - begin) * 32)?;
        let fan_out = FAN_OUT as u64;
        let (first, last) = (begin / fan_out, (end - 1) / fan_out);
        self.touch(level + 1, first)?;
        if first + 1 < last {
            // Nodes that are zeros as a whole need not be computed.
            self.recompute(level + 1)?;
            self.clear(level + 1, first + 1, last)?;
        }
        self.touch(level + 1, last)
    }

    /// Writes the leaves that wait.
    fn flush(&mut self) -> io::Result<()> {
        let (Some(_), first) = (self.waiting.first(), self.first) else { return Ok(()) };
        let place = self.levels[0].begin + first * 32;
        self.file.write_all_at(self.waiting.as_flattened(), place)?;
        self.waiting.clear();
        self.touch(1, first / FAN_OUT as u64)
    }

    /// A child of this node has changed.
    fn touch(&mut self, level: usize, node: u64) -> io::Result<()> {
        match self.levels.get(level).map(|level| level.stale) {
            None => return Ok(()),
            Some(Some(stale)) if stale == node => return Ok(()),
            Some(Some(_)) => self.recompute(level)?,
            Some(None) => {}
        }
        self.levels[level].stale = Some(node);
        Ok(())
    }

    /// Computes the stale node of a level, if there is one.
    fn recompute(&mut self, level: usize) -> io::Result<()> {
        let Some(node) = self.levels.get_mut(level).and_then(|level| level.stale.take()) else {
            return Ok(());
        };
        let below = &self.levels[level - 1];
        let first = node * FAN_OUT as u64;
        let count = below.count.saturating_sub(first).min(FAN_OUT as u64) as usize;
        let mut children = [HOLE; FAN_OUT];
        let place = below.begin + first * 32;
        self.file.read_exact_at(children[..count].as_flattened_mut(), place)?;
        let digest = match children.iter().all(|child| *child == HOLE) {
            true => HOLE,
            false => {
                let zeros = TreeHasher::zeros_digest(level - 1);
                for child in children.iter_mut().filter(|child| **child == HOLE) {
                    *child = zeros;
                }
                TreeHasher::node_digest(level, &children)
            }
        };
        self.file.write_all_at(&digest, self.levels[level].begin + node * 32)?;
        self.touch(level + 1, node / FAN_OUT as u64)
    }

    /// The root digest of the volume, with all leaves that were put in.
    ///
    /// # Errors
    /// Where the file cannot be read or written to.
    pub fn root(&mut self) -> io::Result<Digest> {
        self.flush()?;
        for level in 1..self.levels.len() {
            self.recompute(level)?;
        }
        let height = self.levels.len() - 1;
        let mut top = HOLE;
        self.file.read_exact_at(&mut top, self.levels[height].begin)?;
        let top = if top == HOLE { TreeHasher::zeros_digest(height) } else { top };
        Ok(TreeHasher::root_digest(self.size, &top))
    }

    /// The level of the top: 0 where the volume has one leaf.
    pub fn height(&self) -> usize {
        self.levels.len() - 1
    }

    /// The digest of the top, with all leaves that were put in.
    ///
    /// # Errors
    /// Where the file cannot be read or written to.
    pub fn top(&mut self) -> io::Result<Digest> {
        self.root()?;
        let height = self.height();
        Ok(self.digests(height, 0, 1)?[0])
    }

    /// The digests of a node's children, one level below it: fewer than [`FAN_OUT`] where the volume ends. None where
    /// there is no such node.
    ///
    /// # Errors
    /// Where the file cannot be read or written to.
    pub fn children(&mut self, level: usize, node: u64) -> io::Result<Option<Vec<Digest>>> {
        let is_node = |at: &Level| node < at.count;
        let Some(below) =
            level.checked_sub(1).filter(|_| self.levels.get(level).is_some_and(is_node))
        else {
            return Ok(None);
        };
        self.root()?;
        let first = node * FAN_OUT as u64;
        let count = (self.levels[below].count - first).min(FAN_OUT as u64) as usize;
        self.digests(below, first, count).map(Some)
    }

    /// Digests that follow one another on a level; there must be as many.
    fn digests(&self, level: usize, first: u64, count: usize) -> io::Result<Vec<Digest>> {
        let mut digests = vec![HOLE; count];
        let place = self.levels[level].begin + first * 32;
        self.file.read_exact_at(digests.as_flattened_mut(), place)?;
        let zeros = TreeHasher::zeros_digest(level);
        for digest in digests.iter_mut().filter(|digest| **digest == HOLE) {
            *digest = zeros;
        }
        Ok(digests)
    }

    /// Writes to the file what it is, so that it can be opened again, once all else is on stable storage.
    ///
    /// # Errors
    /// Where the file cannot be written to.
    pub fn seal(&mut self) -> io::Result<()> {
        let mut head = MAGIC.to_vec();
        head.extend(self.size.to_le_bytes());
        head.extend(self.root()?);
        let check = blake3::hash(&head);
        head.extend(check.as_bytes());
        self.file.sync_data()?;
        self.file.write_all_at(&head, 0)
    }

    /// Whether some leaves, chosen at random, are those of a volume: a tree of what it was before it was
    /// written to is noticed by what it is used for, and most often here.
    ///
    /// # Errors
    /// Where one of them cannot be read.
    pub fn agrees_with(&self, volume: &impl ReadAt) -> io::Result<bool> {
        let count = self.levels[0].count;
        let mut bytes = vec![0; LEAF_BYTES];
        for number in 0..SAMPLE.min(count) {
            // One of each part, or all.
            let (from, to) =
                (count * number / SAMPLE.min(count), count * (number + 1) / SAMPLE.min(count));
            let leaf = rand::random_range(from..to.max(from + 1));
            let begin = leaf * LEAF_BYTES as u64;
            let length = self.size.saturating_sub(begin).min(LEAF_BYTES as u64) as usize;
            volume.read_at(begin, &mut bytes[..length])?;
            let mut known = HOLE;
            self.file.read_exact_at(&mut known, self.levels[0].begin + leaf * 32)?;
            let found = TreeHasher::leaf_digest(&bytes[..length]);
            let is_zero = found == TreeHasher::zeros_digest(0);
            if known != (if is_zero { HOLE } else { found }) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Makes zeros of a range of a file, which takes no space then where the file system can do that.
fn punch(file: &File, offset: u64, length: u64) -> io::Result<()> {
    let how = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    match fallocate(file.as_fd(), how, offset as i64, length as i64) {
        Ok(()) => return Ok(()),
        Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => {}
        Err(error) => return Err(error.into()),
    }
    let zeros = vec![0; length.min(1 << 20) as usize];
    let mut done = 0;
    while done < length {
        let piece = (length - done).min(zeros.len() as u64);
        file.write_all_at(&zeros[..piece as usize], offset + done)?;
        done += piece;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tree(size: u64) -> LeafTree {
        LeafTree::new(tempfile::tempfile().unwrap(), size).unwrap()
    }

    /// By the code that reads all leaves in order.
    fn expected(size: u64, leaves: &std::collections::BTreeMap<u64, u8>) -> Digest {
        let mut tree = TreeHasher::new(size);
        leaves.iter().for_each(|(number, byte)| tree.leaf(*number, digest(*byte)));
        tree.finish()
    }

    /// Of a leaf of such bytes.
    fn digest(byte: u8) -> Digest {
        TreeHasher::leaf_digest(&[byte; LEAF_BYTES])
    }

    #[test]
    fn it_comes_back_from_its_file_and_only_as_it_was() {
        let file = tempfile::tempfile().unwrap();
        let size = 300 * LEAF_BYTES as u64 + 512;
        let mut tree = LeafTree::new(file.try_clone().unwrap(), size).unwrap();
        tree.leaf(7, Some(digest(1))).unwrap();
        tree.leaf(300, Some(digest(2))).unwrap();
        assert!(tree.leaf(301, Some(digest(2))).is_err());
        let root = tree.root().unwrap();
        let open = |size| LeafTree::sealed(file.try_clone().unwrap(), size).unwrap();
        assert!(open(size).is_none(), "it is not sealed yet");
        tree.seal().unwrap();
        assert_eq!(open(size).unwrap().1, root);
        assert!(open(size + 512).is_none());
        // Whatever leads to the root is damaged at its end, or the head.
        let length = file.metadata().unwrap().len();
        for at in [0, 20, 30, 60, length - 1] {
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_all_at(&[byte[0] ^ 1], at).unwrap();
            assert!(open(size).is_none(), "{at}");
            file.write_all_at(&byte, at).unwrap();
        }
        file.set_len(length - 1).unwrap();
        assert!(open(size).is_none());
    }

    #[test]
    fn children_lead_from_the_top_to_the_leaves() {
        let size = 300 * LEAF_BYTES as u64 + 512;
        let mut tree = tree(size);
        tree.leaf(299, Some(digest(1))).unwrap();
        let top = tree.top().unwrap();
        assert_eq!(TreeHasher::root_digest(size, &top), tree.root().unwrap());
        let (leaves, nodes) =
            (tree.children(1, 1).unwrap().unwrap(), tree.children(2, 0).unwrap().unwrap());
        assert_eq!((tree.height(), leaves.len(), nodes.len()), (2, 45, 2));
        let zeros = |level| TreeHasher::zeros_digest(level);
        assert_eq!((leaves[42], leaves[43], leaves[44]), (zeros(0), digest(1), zeros(0)));
        let whole = |level, children: &[Digest]| {
            let mut all = [zeros(level); FAN_OUT];
            all[..children.len()].copy_from_slice(children);
            TreeHasher::node_digest(level + 1, &all)
        };
        assert_eq!((nodes[0], nodes[1]), (zeros(1), whole(0, &leaves)));
        assert_eq!(top, whole(1, &nodes));
        for (level, node) in [(0, 0), (1, 2), (2, 1), (3, 0), (usize::MAX, u64::MAX)] {
            assert_eq!(tree.children(level, node).unwrap(), None, "{level}, {node}");
        }
    }

    #[test]
    fn a_tree_of_other_content_is_noticed() {
        let mut content = vec![3; 40 * LEAF_BYTES + 512];
        content[5 * LEAF_BYTES..6 * LEAF_BYTES].fill(0);
        let mut tree = tree(content.len() as u64);
        for (number, leaf) in (0..).zip(content.chunks(LEAF_BYTES)) {
            tree.leaf(number, Some(TreeHasher::leaf_digest(leaf))).unwrap();
        }
        tree.root().unwrap();
        assert!(tree.agrees_with(&content).unwrap());
        for changed in [0, 5 * LEAF_BYTES + 9, 40 * LEAF_BYTES] {
            let mut other = content.clone();
            other[changed] ^= 1;
            // Fewer leaves than a sample has: each is looked at.
            assert!(!tree.agrees_with(&other).unwrap(), "{changed}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

        #[test]
        fn it_has_the_root_of_whatever_was_put_in(
            leaves in 0_u64..200_000,
            rounds in prop::collection::vec(
                prop::collection::vec((0_u64..90_000, 1_u64..80_000, 0_u8..4), 0..12), 1..4),
        ) {
            let size = leaves * LEAF_BYTES as u64 + 512;
            let (mut tree, mut known) = (tree(size), std::collections::BTreeMap::new());
            for round in rounds {
                let mut place = 0;
                for (gap, length, byte) in round {
                    // A range of zeros of any length, or some leaves.
                    let begin = place + gap % 700;
                    let end = (begin + if byte == 0 { length } else { length % 600 + 1 }).min(leaves + 1);
                    if begin >= end {
                        break;
                    }
                    if byte == 0 {
                        tree.zeros(begin, end).unwrap();
                        known.retain(|number, _| !(begin..end).contains(number));
                    } else {
                        for number in begin..end {
                            tree.leaf(number, Some(digest(byte - 1))).unwrap();
                            known.insert(number, byte - 1);
                        }
                        tree.leaf(end - 1, Some(digest(byte - 1))).unwrap();
                    }
                    place = end;
                }
                prop_assert_eq!(tree.root().unwrap(), expected(size, &known));
            }
        }
    }
}
