//! [`Metadata`]: one consistent view of a pool's metadata.

use blockio::ReadAt;
use zerocopy::little_endian::U64;

use crate::block::Blocks;
use crate::btree::{Cursor, Tree};
use crate::disk::DiskDeviceDetails;
use crate::node::Value;
use crate::walk::Walk;
use crate::{
    Comparison, Delta, Error, MappingTree, Mappings, MetaBlock, Result, Superblock, ThinId,
};

/// Which of a pool's states is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The last commit. Right for images; a live pool changes it at any time.
    Live,
    /// The metadata snapshot that the pool holds: it stays as it is until it is released.
    Held,
    /// A metadata snapshot whose place is known, from the pool's status: a running pool may be
    /// writing its superblock at the very moment.
    HeldAt(MetaBlock),
}

/// What the pool notes of a thin device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// The thin id.
    pub id: ThinId,
    /// How many of its thin blocks are mapped.
    pub mapped_blocks: u64,
    /// The pool's transaction id when it was made.
    pub transaction_id: u64,
    /// The pool's time when it was made.
    pub creation_time: u32,
    /// The pool's time when a snapshot of it was last taken.
    pub snapshotted_time: u32,
}

/// A view of the metadata of a thin-provisioning pool.
///
/// Both devices of a delta come from one view: the pool reuses thin ids and data blocks, so that
/// numbers from two views say nothing about each other.
pub struct Metadata<R> {
    blocks: Blocks<R>,
    superblock: Superblock,
}

impl<R: ReadAt> Metadata<R> {
    /// Opens the metadata in `reader`, a device or image of `size` bytes.
    ///
    /// # Errors
    /// [`Error::NotHeld`] for [`View::Held`] where the pool holds no metadata snapshot; and where
    /// the device fails, or the superblock is damaged or of an unknown kind.
    pub fn open(reader: R, size: u64, view: View) -> Result<Self> {
        let blocks = Blocks::new(reader, size);
        let read = |block| Superblock::from_page(&*blocks.read(block)?, block);
        let live = || read(MetaBlock::SUPERBLOCK);
        let superblock = match view {
            View::Live => live()?,
            View::Held => read(live()?.held_root().ok_or(Error::NotHeld)?)?,
            View::HeldAt(block) => read(block)?,
        };
        Ok(Self { blocks, superblock })
    }

    /// The superblock of this view.
    pub fn superblock(&self) -> &Superblock {
        &self.superblock
    }

    /// All thin devices in the order of their ids.
    ///
    /// # Errors
    /// Where the device fails or the metadata is damaged.
    pub fn devices(&self) -> Result<Vec<DeviceInfo>> {
        let mut devices = Vec::new();
        let mut cursor = self.walk::<DiskDeviceDetails>(self.superblock.device_details_root)?;
        while let Some((key, details)) = cursor.next_entry()? {
            devices.push(DeviceInfo {
                id: thin_id(key, self.superblock.device_details_root)?,
                mapped_blocks: details.mapped_blocks.get(),
                transaction_id: details.transaction_id.get(),
                creation_time: details.creation_time.get(),
                snapshotted_time: details.snapshotted_time.get(),
            });
        }
        Ok(devices)
    }

    /// How many bytes the mapped blocks of a device hold, as its details say: no mapping is read.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where that is more than can be.
    pub fn mapped_bytes(&self, device: &DeviceInfo) -> Result<u64> {
        let blocks = device.mapped_blocks;
        blocks.checked_mul(self.superblock.data_block_size()).ok_or_else(|| {
            let id = device.id;
            Error::corrupt(
                self.superblock.device_details_root,
                format!(
                    "in the tree below it, device {id} maps {blocks} blocks, more than is \
                     possible"
                ),
            )
        })
    }

    /// The mappings of the thin device `id`.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no such device; and where the device fails or the
    /// metadata is damaged.
    pub fn mappings(&self, id: ThinId) -> Result<Mappings<'_, R>> {
        Mappings::open(&self.blocks, &self.superblock, self.mapping_root(id)?)
    }

    /// The mappings in a tree of this metadata.
    pub fn mappings_in(&self, tree: MappingTree) -> Mappings<'_, R> {
        Mappings::of(&self.blocks, &self.superblock, tree)
    }

    /// What changed from the thin device `base` to the thin device `target`.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no such device; and where the device fails or the
    /// metadata is damaged. What is found on the way is told by the iterator.
    pub fn delta(&self, base: ThinId, target: ThinId) -> Result<Delta<'_, R>> {
        let (base, target) = (self.mapping_root(base)?, self.mapping_root(target)?);
        if base == target {
            return Ok(Delta::empty());
        }
        let tree = |root| Tree::open::<U64>(&self.blocks, root).map(Some);
        Ok(Delta::new(Walk::through(&self.blocks, [tree(base)?, tree(target)?])))
    }

    /// How each block of the thin device `target` stands to that of the thin device `base`, for all
    /// that is mapped in one of them. Reads both trees whole, what they share included: where only
    /// the differences matter, [`Metadata::delta`] is the cheaper way.
    ///
    /// # Errors
    /// As [`Metadata::delta`].
    pub fn compare(&self, base: ThinId, target: ThinId) -> Result<Comparison<'_, R>> {
        Ok(Comparison::new(self.mappings(base)?.iter(), self.mappings(target)?.iter()))
    }

    fn mapping_root(&self, id: ThinId) -> Result<MetaBlock> {
        let devices = self.superblock.data_mapping_root;
        let tree = Tree::open::<U64>(&self.blocks, devices)?;
        if let Some(root) = tree.get::<_, U64>(&self.blocks, id.into())? {
            let root = MetaBlock::new(root.get());
            if root == devices {
                let reason = format!(
                    "it is both the tree of devices and the mapping tree of \
                     device {id}"
                );
                return Err(Error::corrupt(root, reason));
            }
            return Ok(root);
        }
        let mut known = Vec::new();
        let mut cursor = tree.cursor::<_, U64>(&self.blocks);
        while let Some((key, _)) = cursor.next_entry()? {
            known.push(thin_id(key, devices)?);
        }
        Err(Error::NotFound { id, known })
    }

    fn walk<V: Value>(&self, root: MetaBlock) -> Result<Cursor<'_, R, V>> {
        Ok(Tree::open::<V>(&self.blocks, root)?.cursor(&self.blocks))
    }
}

/// The key of one of the trees of devices as an id.
fn thin_id(key: u64, root: MetaBlock) -> Result<ThinId> {
    ThinId::try_from(key)
        .map_err(|error| Error::corrupt(root, format!("in the tree of devices below it, {error}")))
}
