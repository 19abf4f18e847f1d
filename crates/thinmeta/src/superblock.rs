//! [`Superblock`]: where everything else is found.

use zerocopy::FromBytes;
use zerocopy::little_endian::U64;

use crate::block::Page;
use crate::checksum::{Salt, checksum};
use crate::disk::{NEEDS_CHECK, THIN_SUPERBLOCK_MAGIC, ThinDiskSuperblock};
use crate::{Error, MetaBlock, Result};

const SECTOR: u64 = 512;

/// A verified superblock: the live one, or the copy that a metadata snapshot made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock {
    data_block_size: u64,
    transaction_id: u64,
    time: u32,
    held_root: Option<MetaBlock>,
    needs_check: bool,
    data_blocks: u64,
    pub(crate) data_mapping_root: MetaBlock,
    pub(crate) device_details_root: MetaBlock,
}

impl Superblock {
    /// The size in bytes of the pool's data blocks, and so of a thin block: a multiple of 64 KiB,
    /// up to 1 GiB, and not always a power of two.
    pub fn data_block_size(&self) -> u64 {
        self.data_block_size
    }

    /// The transaction id, which user space (LVM) counts up.
    pub fn transaction_id(&self) -> u64 {
        self.transaction_id
    }

    /// The pool's time, which counts its snapshots.
    pub fn time(&self) -> u32 {
        self.time
    }

    /// The place of the metadata snapshot, where one is held. The snapshot's own superblock has none.
    pub fn held_root(&self) -> Option<MetaBlock> {
        self.held_root
    }

    /// True where the kernel found the metadata wanting and asks for a check.
    pub fn needs_check(&self) -> bool {
        self.needs_check
    }

    /// How many data blocks the pool has, as the space map of its data says. 0 in a metadata
    /// snapshot: the kernel clears the space maps in that copy.
    pub fn data_blocks(&self) -> u64 {
        self.data_blocks
    }

    /// Verifies the superblock that was read from `block`.
    pub(crate) fn from_page(page: &Page, block: MetaBlock) -> Result<Self> {
        let corrupt = |reason: String| Err(Error::corrupt(block, reason));
        let unsupported = |what: String| Err(Error::Unsupported { block, what });
        let (disk, _) = ThinDiskSuperblock::ref_from_prefix(page.bytes())
            .expect("a page is larger than a superblock, which needs no alignment");

        // The magic number first: a wrong device deserves a better answer than "wrong checksum".
        if disk.magic.get() != THIN_SUPERBLOCK_MAGIC {
            return corrupt("it is not a superblock of thin-provisioning metadata".into());
        }
        if disk.csum.get() != checksum(page, Salt::Superblock) {
            return corrupt("wrong checksum".into());
        }
        if disk.blocknr.get() != block.get() {
            return corrupt(format!("it claims to be block {}", disk.blocknr));
        }
        if disk.version.get() != 2 {
            return unsupported(format!("version {}", disk.version));
        }
        if disk.incompat_flags.get() != 0 {
            return unsupported(format!("the incompatible feature {:#x}", disk.incompat_flags));
        }
        if disk.metadata_block_size.get() != 8 {
            return unsupported(format!(
                "a metadata block of {} sectors",
                disk.metadata_block_size
            ));
        }
        let sectors = disk.data_block_size.get();
        if !(128..=2_097_152).contains(&sectors) || !sectors.is_multiple_of(128) {
            return corrupt(format!("a data block size of {sectors} sectors is invalid"));
        }

        let held_root = disk.held_root.get();
        // The first field of `struct disk_sm_root` is `nr_blocks`.
        let (data_blocks, _) = U64::ref_from_prefix(&disk.data_space_map_root)
            .expect("a root is larger than a number, which needs no alignment");
        Ok(Self {
            data_block_size: u64::from(sectors).saturating_mul(SECTOR),
            transaction_id: disk.trans_id.get(),
            time: disk.time.get(),
            held_root: (held_root != 0).then_some(MetaBlock::new(held_root)),
            needs_check: disk.flags.get() & NEEDS_CHECK != 0,
            data_blocks: data_blocks.get(),
            data_mapping_root: MetaBlock::new(disk.data_mapping_root.get()),
            device_details_root: MetaBlock::new(disk.device_details_root.get()),
        })
    }
}
