//! [`Node`]: one verified node of a B-tree, and [`read_node`], the only way to get one.

use std::marker::PhantomData;
use std::ops::RangeInclusive;

use blockio::ReadAt;
use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::block::{Blocks, Page};
use crate::checksum::{Salt, checksum};
use crate::disk::{INTERNAL_NODE, LEAF_NODE, NodeHeader};
use crate::{Error, MetaBlock, Result};

/// What a tree's leaves hold: a structure of fixed size without alignment.
pub(crate) trait Value: FromBytes + KnownLayout + Immutable + Unaligned + Copy {}
impl<T: FromBytes + KnownLayout + Immutable + Unaligned + Copy> Value for T {}

/// What is known of a subtree before its root is read, all of it from its parent.
#[derive(Clone, Debug)]
pub(crate) struct Subtree {
    pub(crate) block: MetaBlock,
    /// The keys that may be in it. The lowest need not be there: a removed first entry leaves the
    /// key in its parent as it was.
    pub(crate) keys: RangeInclusive<u64>,
    /// Its levels, 1 for a leaf; None while the tree's height is still to be found.
    pub(crate) height: Option<usize>,
    /// Only a whole tree may be empty.
    pub(crate) whole: bool,
}

impl Subtree {
    /// The tree whose root is `block`.
    pub(crate) fn whole(block: MetaBlock, height: Option<usize>) -> Self {
        Self { block, keys: 0..=u64::MAX, height, whole: true }
    }

    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.keys.start() <= other.keys.end() && other.keys.start() <= self.keys.end()
    }
}

/// A verified node of a tree whose leaves hold `V`.
pub(crate) struct Node<V> {
    place: Subtree,
    leaf: bool,
    page: Box<Page>,
    value: PhantomData<V>,
}

/// Reads the root of `subtree` and verifies all that can be told from it and from its parent.
pub(crate) fn read_node<R: ReadAt, V: Value>(
    blocks: &Blocks<R>,
    subtree: Subtree,
) -> Result<Node<V>> {
    let page = blocks.read(subtree.block)?;
    Node::from_page(page, subtree)
}

/// The same on the way down to an entry, which many look-ups share: the block is kept for the next one.
pub(crate) fn read_kept_node<R: ReadAt, V: Value>(
    blocks: &Blocks<R>,
    subtree: Subtree,
) -> Result<Node<V>> {
    let page = blocks.read_kept(subtree.block)?;
    Node::from_page(page, subtree)
}

impl<V: Value> Node<V> {
    fn from_page(page: Box<Page>, place: Subtree) -> Result<Self> {
        let corrupt = |reason: String| Err(Error::corrupt(place.block, reason));
        let (header, _) = split(&page);
        if header.csum.get() != checksum(&page, Salt::Node) {
            return corrupt("wrong checksum".into());
        }
        if header.blocknr.get() != place.block.get() {
            return corrupt(format!("it claims to be block {}", header.blocknr));
        }
        let leaf = match header.flags.get() {
            LEAF_NODE => true,
            INTERNAL_NODE => false,
            flags => return corrupt(format!("it is not a node: its flags are {flags:#x}")),
        };
        match place.height {
            Some(1) if !leaf => return corrupt("an inner node where a leaf belongs".into()),
            Some(2..) if leaf => return corrupt("a leaf where an inner node belongs".into()),
            _ => {}
        }
        let (count, room) = (header.nr_entries.get(), header.max_entries.get());
        if count > room {
            return corrupt(format!("{count} entries in a node for {room}"));
        }
        let value_size = if leaf { size_of::<V>() } else { size_of::<U64>() };
        if header.value_size.get() as usize != value_size {
            let found = header.value_size;
            return corrupt(format!("values of {found} bytes, expected {value_size}"));
        }
        let fits = if leaf { table::<V>(&page).is_some() } else { table::<U64>(&page).is_some() };
        if !fits {
            return corrupt(format!("{room} entries do not fit into a block"));
        }
        if count == 0 && !(leaf && place.whole) {
            return corrupt("it is empty".into());
        }

        let node = Self { place, leaf, page, value: PhantomData };
        node.verify_keys()?;
        Ok(node)
    }

    fn verify_keys(&self) -> Result<()> {
        let keys = self.keys();
        let corrupt = |reason: String| Err(Error::corrupt(self.place.block, reason));
        let mut pairs = keys.iter().zip(keys.iter().skip(1));
        if let Some((first, second)) = pairs.find(|(first, second)| first.get() >= second.get()) {
            return corrupt(format!("its keys are out of order: {second} follows {first}"));
        }
        let (low, high) = (self.place.keys.start(), self.place.keys.end());
        for key in [keys.first(), keys.last()].into_iter().flatten() {
            if !self.place.keys.contains(&key.get()) {
                return corrupt(format!("the key {key} is outside its parent's {low} to {high}"));
            }
        }
        Ok(())
    }

    pub(crate) fn block(&self) -> MetaBlock {
        self.place.block
    }

    pub(crate) fn keys(&self) -> &[U64] {
        self.entries::<U64>().0
    }

    /// How many entries it has.
    pub(crate) fn len(&self) -> usize {
        self.keys().len()
    }

    /// All keys and values of a leaf; none of an inner node.
    pub(crate) fn leaf_entries(&self) -> (&[U64], &[V]) {
        if self.leaf { self.entries::<V>() } else { Default::default() }
    }

    /// The value at `index` of a leaf; None after the last one, and in an inner node.
    pub(crate) fn value(&self, index: usize) -> Option<(u64, V)> {
        if !self.leaf {
            return None;
        }
        let (keys, values) = self.entries::<V>();
        Some((keys.get(index)?.get(), *values.get(index)?))
    }

    /// The subtree at `index` of an inner node; None after the last one, and in a leaf.
    pub(crate) fn subtree(&self, index: usize) -> Option<Subtree> {
        if self.leaf {
            return None;
        }
        let (keys, children) = self.entries::<U64>();
        let low = keys.get(index)?.get();
        let next = index.checked_add(1).and_then(|next| keys.get(next));
        // Keys ascend strictly, so that the next one is above 0 and the range is not empty.
        let high = next.map_or(*self.place.keys.end(), |next| next.get().saturating_sub(1));
        Some(Subtree {
            block: MetaBlock::new(children.get(index)?.get()),
            keys: low..=high,
            // Of height 1 are leaves only, as from_page made sure.
            height: self.place.height.map(|height| height.saturating_sub(1)),
            whole: false,
        })
    }

    /// The keys and values in use.
    fn entries<T: Value>(&self) -> (&[U64], &[T]) {
        let (header, _) = split(&self.page);
        let count = header.nr_entries.get() as usize;
        let (keys, values) = table(&self.page).expect("from_page made sure that it fits");
        // No more are in use than there is room for: from_page made sure of that too.
        (keys.get(..count).unwrap_or_default(), values.get(..count).unwrap_or_default())
    }
}

fn split(page: &Page) -> (&NodeHeader, &[u8]) {
    NodeHeader::ref_from_prefix(page.bytes())
        .expect("a page is larger than a header, which needs no alignment")
}

/// The room for keys and values, in use or not; None where they do not fit into the block.
fn table<T: Value>(page: &Page) -> Option<(&[U64], &[T])> {
    let (header, rest) = split(page);
    let room = header.max_entries.get() as usize;
    let (keys, rest) = <[U64]>::ref_from_prefix_with_elems(rest, room).ok()?;
    let (values, _) = <[T]>::ref_from_prefix_with_elems(rest, room).ok()?;
    Some((keys, values))
}
