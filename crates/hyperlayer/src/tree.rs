//! [`TreeHasher`]: the root digest of a volume, in which holes cost nothing.
//!
//! A plain digest of a 16 TiB volume has to hash 16 TiB, however little of it is mapped. A tree of digests
//! has a constant for zeros on each level, so its cost depends on what is mapped. `docs/stream-format.md`
//! specifies what goes into each digest, byte by byte.

use std::sync::LazyLock;

/// How much of a volume a leaf of the tree covers, in bytes.
pub const LEAF_BYTES: usize = 65536;

/// The number of children of a node, whatever the volume's size.
pub const FAN_OUT: usize = 256;

/// Enough levels for any size: 2^48 leaves have 2^64 bytes.
const HEIGHT: usize = 6;

/// BLAKE3 of a leaf, of a node, or of a root.
type Digest = [u8; 32];

/// The digests of leaves and nodes that cover nothing but zeros, from the leaves' level up.
static ZEROS: LazyLock<[Digest; HEIGHT + 1]> = LazyLock::new(|| {
    let mut digest = TreeHasher::leaf_digest(&[]);
    std::array::from_fn(|level| {
        if level > 0 {
            digest = node_digest(level, &[digest; FAN_OUT]);
        }
        digest
    })
});

/// Computes the root digest of a volume from the digests of its leaves. No I/O, no threads: leaves can be
/// hashed anywhere, and are added here in ascending order. Leaves that are left out are zeros, and cost
/// nothing but a node's children at either end of the gap. It takes 8 KiB of memory per level.
///
/// ```
/// use hyperlayer::{LEAF_BYTES, TreeHasher};
///
/// let mut tree = TreeHasher::new(16 << 40);
/// tree.leaf(1000, TreeHasher::leaf_digest(&[7; LEAF_BYTES]));
/// let root = tree.finish();
///
/// // Hashing zeros explicitly makes no difference.
/// let mut same = TreeHasher::new(16 << 40);
/// same.leaf(5, TreeHasher::leaf_digest(&[0; LEAF_BYTES]));
/// same.leaf(1000, TreeHasher::leaf_digest(&[7; LEAF_BYTES]));
/// assert_eq!(same.finish(), root);
/// ```
#[derive(Clone, Debug)]
pub struct TreeHasher {
    /// The volume's size in bytes.
    size: u64,
    /// The children of the unfinished node on each level, from the leaves' parents up to the top.
    open: Vec<Vec<Digest>>,
    /// The number of the leaf after the last one.
    next: u64,
    /// The digest over all leaves, once it is complete.
    top: Option<Digest>,
}

impl TreeHasher {
    /// The tree of a volume of `size` bytes.
    pub fn new(size: u64) -> Self {
        Self { size, open: vec![Vec::new(); Self::height(size)], next: 0, top: None }
    }

    /// The level of the top: 0 if the volume has one leaf.
    pub fn height(size: u64) -> usize {
        let mut height: usize = 0;
        while leaves_below(height) < leaves_of(size) {
            height = height.saturating_add(1);
        }
        height
    }

    /// The digest of a leaf or node that covers nothing but zeros; leaves are level 0.
    ///
    /// # Panics
    /// If the level is above the top of the largest volume's tree, 6.
    pub fn zeros_digest(level: usize) -> Digest {
        ZEROS[level]
    }

    /// The digest of a node on this level, from 1 up, with these children.
    pub fn node_digest(level: usize, children: &[Digest; FAN_OUT]) -> Digest {
        node_digest(level, children)
    }

    /// The root digest of a volume whose tree has this top.
    pub fn root_digest(size: u64, top: &Digest) -> Digest {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"ROOT").update(&level_bytes(Self::height(size)));
        hasher.update(&size.to_le_bytes()).update(top);
        *hasher.finalize().as_bytes()
    }

    /// The digest of a leaf: [`LEAF_BYTES`] bytes, or fewer, padded with zeros.
    ///
    /// # Panics
    /// If there are more.
    pub fn leaf_digest(bytes: &[u8]) -> Digest {
        let missing = LEAF_BYTES.checked_sub(bytes.len()).expect("a leaf has no more bytes");
        let mut hasher = blake3::Hasher::new();
        hasher.update(bytes);
        if missing > 0 {
            // Of the last leaf alone: 64 KiB of zeros need not be in each program for it.
            hasher.update(&vec![0; missing]);
        }
        *hasher.finalize().as_bytes()
    }

    /// Adds the digest of a leaf. The leaf begins in the volume at `number` times [`LEAF_BYTES`].
    ///
    /// # Panics
    /// If the leaves do not ascend, or one lies after the volume's end.
    pub fn leaf(&mut self, number: u64, digest: Digest) {
        assert!(number < leaves_of(self.size), "leaf {number} lies after the end");
        let gap = number.checked_sub(self.next).expect("leaves ascend");
        self.zeros(0, gap);
        self.push(0, digest);
        self.next = number.saturating_add(1);
    }

    /// The root digest, once all leaves that are not zeros have been added.
    pub fn finish(mut self) -> Digest {
        let height = self.open.len();
        self.zeros(0, leaves_below(height).saturating_sub(self.next));
        Self::root_digest(self.size, &self.top.unwrap_or(ZEROS[height]))
    }

    /// Adds this many leaves or nodes of zeros.
    fn zeros(&mut self, level: usize, mut count: u64) {
        const WHOLE: u64 = FAN_OUT as u64;
        while count > 0 {
            let begins_node = self.open.get(level).is_some_and(Vec::is_empty);
            if begins_node && count >= WHOLE {
                self.zeros(level.saturating_add(1), count / WHOLE);
                count %= WHOLE;
            } else {
                self.push(level, ZEROS[level]);
                count = count.saturating_sub(1);
            }
        }
    }

    /// Adds the next leaf or node of a level, and with it any parent node that it completes.
    fn push(&mut self, level: usize, digest: Digest) {
        let Some(children) = self.open.get_mut(level) else {
            self.top = Some(digest);
            return;
        };
        children.push(digest);
        if let Ok(whole) = children.as_slice().try_into() {
            let above = level.saturating_add(1);
            let node = node_digest(above, whole);
            children.clear();
            self.push(above, node);
        }
    }
}

fn leaves_of(size: u64) -> u64 {
    size.div_ceil(LEAF_BYTES as u64)
}

/// How many leaves a node of this level covers.
fn leaves_below(level: usize) -> u64 {
    (0..level).fold(1, |leaves: u64, _| leaves.saturating_mul(FAN_OUT as u64))
}

fn node_digest(level: usize, children: &[Digest; FAN_OUT]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"NODE").update(&level_bytes(level)).update(children.as_flattened());
    *hasher.finalize().as_bytes()
}

fn level_bytes(level: usize) -> [u8; 4] {
    u32::try_from(level).expect("there are 6 levels").to_le_bytes()
}
