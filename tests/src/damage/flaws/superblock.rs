//! Flaws of the superblock, and of the image as a whole.

use crate::damage::Answer::{NotRead, NotSupported, Refused};
use crate::damage::Check::{Accepts, Refuses};
use crate::damage::Flaw;
use crate::damage::From::Kernel;
use crate::damage::image::{BLOCK, BLOCKNR};

// Where the fields of the superblock are (`struct thin_disk_superblock`).
const SB_FLAGS: usize = 4;
const MAGIC: usize = 32;
const VERSION: usize = 40;
const TIME: usize = 44;
const TRANSACTION: usize = 48;
const HELD_ROOT: usize = 56;
const DATA_MAP: usize = 64;
const METADATA_MAP: usize = 192;
const MAPPING_ROOT: usize = 320;
const DETAILS_ROOT: usize = 328;
const DATA_BLOCK_SIZE: usize = 336;
const METADATA_BLOCK_SIZE: usize = 340;
const METADATA_BLOCKS: usize = 344;
const INCOMPAT: usize = 360;

// Why a check accepts, or lvdiff does not read, what is damaged.
const SPACE_MAP: &str = "space maps are for who allocates";
const NOT_LOOKED_AT: &str = "it does not look at this field";
const DETAILS: &str = "a difference is in the mapping trees; details are for lists of volumes";

pub(super) const SUPERBLOCK: &[Flaw] = &[
    // The superblock.
    Flaw {
        name: "superblock-of-zeros",
        answer: Refused("is damaged: it is not a superblock of thin-provisioning metadata"),
        check: Refuses,
        from: Kernel,
        make: |image| {
            image.set(0, 0, &[0; BLOCK]);
            0
        },
    },
    Flaw {
        name: "superblock-magic",
        answer: Refused("is damaged: it is not a superblock of thin-provisioning metadata"),
        check: Accepts(NOT_LOOKED_AT),
        from: Kernel,
        make: |image| {
            image.set_superblock(MAGIC, &27_022_011_u64.to_le_bytes());
            0
        },
    },
    Flaw {
        name: "superblock-checksum",
        answer: Refused("is damaged: wrong checksum"),
        check: Refuses,
        from: Kernel,
        make: |image| {
            image.set(0, BLOCK - 1, &[1]);
            0
        },
    },
    Flaw {
        name: "superblock-says-block-1",
        answer: Refused("is damaged: it claims to be block 1"),
        check: Accepts(NOT_LOOKED_AT),
        from: Kernel,
        make: |image| {
            image.set_superblock(BLOCKNR, &1_u64.to_le_bytes());
            0
        },
    },
    Flaw {
        name: "superblock-version-0",
        answer: NotSupported("needs version 0, which is not supported"),
        check: Accepts(NOT_LOOKED_AT),
        from: Kernel,
        make: |image| {
            image.set_superblock(VERSION, &0_u32.to_le_bytes());
            0
        },
    },
    Flaw {
        name: "superblock-version-absurd",
        answer: NotSupported("needs version 4294967295, which is not supported"),
        check: Accepts(NOT_LOOKED_AT),
        from: Kernel,
        make: |image| {
            image.set_superblock(VERSION, &u32::MAX.to_le_bytes());
            0
        },
    },
    Flaw {
        name: "superblock-incompatible-feature",
        answer: NotSupported("needs the incompatible feature 0x80000000, which is not supported"),
        check: Accepts(NOT_LOOKED_AT),
        from: Kernel,
        make: |image| {
            image.set_superblock(INCOMPAT, &(1_u32 << 31).to_le_bytes());
            0
        },
    },
    Flaw {
        name: "superblock-metadata-block-0",
        answer: NotSupported("needs a metadata block of 0 sectors, which is not supported"),
        check: Accepts(NOT_LOOKED_AT),
        from: Kernel,
        make: |image| {
            image.set_superblock(METADATA_BLOCK_SIZE, &0_u32.to_le_bytes());
            0
        },
    },
    Flaw {
        name: "superblock-metadata-block-absurd",
        answer: NotSupported(
            "needs a metadata block of 4294967295 sectors, which is not supported",
        ),
        check: Accepts(NOT_LOOKED_AT),
        from: Kernel,
        make: |image| {
            image.set_superblock(METADATA_BLOCK_SIZE, &u32::MAX.to_le_bytes());
            0
        },
    },
    Flaw {
        name: "superblock-data-block-0",
        answer: Refused("is damaged: a data block size of 0 sectors is invalid"),
        check: Accepts(NOT_LOOKED_AT),
        from: Kernel,
        make: |image| {
            image.set_superblock(DATA_BLOCK_SIZE, &0_u32.to_le_bytes());
            0
        },
    },
    Flaw {
        name: "superblock-data-block-odd",
        answer: Refused("is damaged: a data block size of 129 sectors is invalid"),
        check: Accepts(NOT_LOOKED_AT),
        from: Kernel,
        make: |image| {
            image.set_superblock(DATA_BLOCK_SIZE, &129_u32.to_le_bytes());
            0
        },
    },
    Flaw {
        name: "superblock-data-block-absurd",
        answer: Refused("is damaged: a data block size of 4294967168 sectors is invalid"),
        check: Accepts(NOT_LOOKED_AT),
        from: Kernel,
        make: |image| {
            image.set_superblock(DATA_BLOCK_SIZE, &4_294_967_168_u32.to_le_bytes());
            0
        },
    },
    Flaw {
        name: "superblock-mapping-root-past-the-end",
        answer: Refused("is damaged: it is past the end (block 1024)"),
        check: Refuses,
        from: Kernel,
        make: |image| {
            let block = image.blocks();
            image.set_superblock(MAPPING_ROOT, &block.to_le_bytes());
            block
        },
    },
    Flaw {
        name: "superblock-mapping-root-absurd",
        answer: Refused("is damaged: it is past the end (block 1024)"),
        check: Refuses,
        from: Kernel,
        make: |image| {
            image.set_superblock(MAPPING_ROOT, &u64::MAX.to_le_bytes());
            u64::MAX
        },
    },
    Flaw {
        name: "superblock-mapping-root-is-the-superblock",
        answer: Refused("is damaged: wrong checksum"),
        check: Refuses,
        from: Kernel,
        make: |image| {
            image.set_superblock(MAPPING_ROOT, &[0; 8]);
            0
        },
    },
    Flaw {
        name: "superblock-mapping-root-is-the-details-tree",
        answer: Refused("is damaged: values of 24 bytes, expected 8"),
        check: Refuses,
        from: Kernel,
        make: |image| {
            let details = image.details();
            image.set_superblock(MAPPING_ROOT, &details.to_le_bytes());
            details
        },
    },
    Flaw {
        name: "superblock-details-root-past-the-end",
        answer: NotRead(DETAILS),
        check: Refuses,
        from: Kernel,
        make: |image| {
            let block = image.blocks();
            image.set_superblock(DETAILS_ROOT, &block.to_le_bytes());
            block
        },
    },
    Flaw {
        name: "superblock-data-space-map-garbage",
        answer: NotRead(SPACE_MAP),
        check: Refuses,
        from: Kernel,
        make: |image| {
            image.set_superblock(DATA_MAP, &[0xa5; 128]);
            0
        },
    },
    Flaw {
        name: "superblock-metadata-space-map-garbage",
        answer: NotRead(SPACE_MAP),
        check: Refuses,
        from: Kernel,
        make: |image| {
            image.set_superblock(METADATA_MAP, &[0xa5; 128]);
            0
        },
    },
    Flaw {
        name: "superblock-metadata-blocks-absurd",
        answer: NotRead("the end is that of the image or device"),
        check: Accepts(NOT_LOOKED_AT),
        from: Kernel,
        make: |image| {
            image.set_superblock(METADATA_BLOCKS, &u64::MAX.to_le_bytes());
            0
        },
    },
    Flaw {
        name: "superblock-transaction-absurd",
        answer: NotRead("transaction ids are between LVM and the kernel"),
        check: Accepts(NOT_LOOKED_AT),
        from: Kernel,
        make: |image| {
            image.set_superblock(TRANSACTION, &u64::MAX.to_le_bytes());
            0
        },
    },
    Flaw {
        name: "superblock-time-before-its-mappings",
        answer: NotRead("a difference is a difference of data blocks, whatever their times"),
        check: Accepts(NOT_LOOKED_AT),
        from: Kernel,
        make: |image| {
            image.set_superblock(TIME, &0_u32.to_le_bytes());
            0
        },
    },
    Flaw {
        name: "superblock-needs-check",
        answer: NotRead("the flag asks for a check before the pool is written to"),
        check: Accepts(NOT_LOOKED_AT),
        from: Kernel,
        make: |image| {
            image.set_superblock(SB_FLAGS, &1_u32.to_le_bytes());
            0
        },
    },
    Flaw {
        name: "superblock-held-root-past-the-end",
        answer: NotRead("of an image the last commit is read, not the metadata snapshot"),
        check: Refuses,
        from: Kernel,
        make: |image| {
            image.set_superblock(HELD_ROOT, &u64::MAX.to_le_bytes());
            0
        },
    },
    Flaw {
        name: "superblock-held-root-is-a-node",
        answer: NotRead("of an image the last commit is read, not the metadata snapshot"),
        check: Refuses,
        from: Kernel,
        make: |image| {
            let devices = image.devices();
            image.set_superblock(HELD_ROOT, &devices.to_le_bytes());
            0
        },
    },
    // The whole image.
    Flaw {
        name: "image-empty",
        answer: Refused("is damaged: it is past the end (block 0)"),
        check: Refuses,
        from: Kernel,
        make: |image| {
            image.bytes.clear();
            0
        },
    },
    Flaw {
        name: "image-of-zeros",
        answer: Refused("is damaged: it is not a superblock of thin-provisioning metadata"),
        check: Refuses,
        from: Kernel,
        make: |image| {
            image.bytes.fill(0);
            0
        },
    },
    Flaw {
        name: "image-cut-inside-the-superblock",
        answer: Refused("is damaged: it is past the end (block 0)"),
        check: Refuses,
        from: Kernel,
        make: |image| {
            image.bytes.truncate(BLOCK - 1);
            0
        },
    },
    Flaw {
        name: "image-cut-after-the-superblock",
        answer: Refused("is damaged: it is past the end (block 1)"),
        check: Refuses,
        from: Kernel,
        make: |image| {
            image.bytes.truncate(BLOCK + 1);
            image.devices()
        },
    },
];
