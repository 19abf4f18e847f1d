//! The table of flaws.

use super::From::{Deep, Kernel};
use super::image::{BLOCK, BLOCKNR, FLAGS, KEYS, MAX_ENTRIES, NR_ENTRIES, VALUE_SIZE};
use super::{Answer, Check, Flaw};

use Answer::{NotFound, NotRead, NotSupported, Refused, WithData};
use Check::{Accepts, Refuses};

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

/// A mapping's data block, above its 24 bits of time.
const DATA_BLOCK: u32 = 24;

const SPACE_MAP: &str = "space maps are for who allocates";
const NOT_LOOKED_AT: &str = "it does not look at this field";
const NOT_COUNTED: &str = "it does not hold mappings against the data's space map";
const DETAILS: &str = "a difference is in the mapping trees; details are for lists of volumes";

/// All flaws.
pub const FLAWS: &[Flaw] = &[
    // The superblock.
    Flaw {
        name: "superblock-of-zeros",
        answer: Refused("is damaged: it is no superblock of thin-provisioning metadata"),
        check: Refuses,
        from: Kernel,
        make: |image| {
            image.set(0, 0, &[0; BLOCK]);
            0
        },
    },
    Flaw {
        name: "superblock-magic",
        answer: Refused("is damaged: it is no superblock of thin-provisioning metadata"),
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
        answer: Refused("is damaged: it says that it is block 1"),
        check: Accepts(NOT_LOOKED_AT),
        from: Kernel,
        make: |image| {
            image.set_superblock(BLOCKNR, &1_u64.to_le_bytes());
            0
        },
    },
    Flaw {
        name: "superblock-version-0",
        answer: NotSupported("wants version 0, which is not supported"),
        check: Accepts(NOT_LOOKED_AT),
        from: Kernel,
        make: |image| {
            image.set_superblock(VERSION, &0_u32.to_le_bytes());
            0
        },
    },
    Flaw {
        name: "superblock-version-absurd",
        answer: NotSupported("wants version 4294967295, which is not supported"),
        check: Accepts(NOT_LOOKED_AT),
        from: Kernel,
        make: |image| {
            image.set_superblock(VERSION, &u32::MAX.to_le_bytes());
            0
        },
    },
    Flaw {
        name: "superblock-incompatible-feature",
        answer: NotSupported("wants the incompatible feature 0x80000000, which is not supported"),
        check: Accepts(NOT_LOOKED_AT),
        from: Kernel,
        make: |image| {
            image.set_superblock(INCOMPAT, &(1_u32 << 31).to_le_bytes());
            0
        },
    },
    Flaw {
        name: "superblock-metadata-block-0",
        answer: NotSupported("wants a metadata block of 0 sectors, which is not supported"),
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
            "wants a metadata block of 4294967295 sectors, which is not supported",
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
        answer: Refused("is damaged: a data block of 0 sectors cannot be"),
        check: Accepts(NOT_LOOKED_AT),
        from: Kernel,
        make: |image| {
            image.set_superblock(DATA_BLOCK_SIZE, &0_u32.to_le_bytes());
            0
        },
    },
    Flaw {
        name: "superblock-data-block-odd",
        answer: Refused("is damaged: a data block of 129 sectors cannot be"),
        check: Accepts(NOT_LOOKED_AT),
        from: Kernel,
        make: |image| {
            image.set_superblock(DATA_BLOCK_SIZE, &129_u32.to_le_bytes());
            0
        },
    },
    Flaw {
        name: "superblock-data-block-absurd",
        answer: Refused("is damaged: a data block of 4294967168 sectors cannot be"),
        check: Accepts(NOT_LOOKED_AT),
        from: Kernel,
        make: |image| {
            image.set_superblock(DATA_BLOCK_SIZE, &4_294_967_168_u32.to_le_bytes());
            0
        },
    },
    Flaw {
        name: "superblock-mapping-root-past-the-end",
        answer: Refused("is damaged: it lies past the end, block 1024"),
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
        answer: Refused("is damaged: it lies past the end, block 1024"),
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
        answer: Refused("is damaged: values of 24 bytes where they have 8"),
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
        answer: Refused("is damaged: it lies past the end, block 0"),
        check: Refuses,
        from: Kernel,
        make: |image| {
            image.bytes.clear();
            0
        },
    },
    Flaw {
        name: "image-of-zeros",
        answer: Refused("is damaged: it is no superblock of thin-provisioning metadata"),
        check: Refuses,
        from: Kernel,
        make: |image| {
            image.bytes.fill(0);
            0
        },
    },
    Flaw {
        name: "image-cut-inside-the-superblock",
        answer: Refused("is damaged: it lies past the end, block 0"),
        check: Refuses,
        from: Kernel,
        make: |image| {
            image.bytes.truncate(BLOCK - 1);
            0
        },
    },
    Flaw {
        name: "image-cut-behind-the-superblock",
        answer: Refused("is damaged: it lies past the end, block 1"),
        check: Refuses,
        from: Kernel,
        make: |image| {
            image.bytes.truncate(BLOCK + 1);
            image.devices()
        },
    },
    // The tree of devices.
    Flaw {
        name: "device-with-details-and-no-mappings",
        answer: NotFound,
        check: Refuses,
        from: Kernel,
        make: |image| {
            let devices = image.devices();
            image.set_node(devices, NR_ENTRIES, &2_u32.to_le_bytes());
            devices
        },
    },
    Flaw {
        name: "device-with-mappings-and-no-details",
        answer: NotRead(DETAILS),
        check: Accepts("it looks for mappings of details, not for details of mappings"),
        from: Kernel,
        make: |image| {
            let details = image.details();
            image.set_node(details, NR_ENTRIES, &2_u32.to_le_bytes());
            details
        },
    },
    Flaw {
        name: "device-counts-more-than-is-mapped",
        answer: NotRead(DETAILS),
        check: Accepts(NOT_LOOKED_AT),
        from: Kernel,
        make: |image| {
            let details = image.details();
            let values = image.values(details);
            image.set_node(details, values + 2 * 24, &u64::MAX.to_le_bytes());
            details
        },
    },
    Flaw {
        name: "device-mapping-root-past-the-end",
        answer: Refused("is damaged: it lies past the end, block 1024"),
        check: Refuses,
        from: Kernel,
        make: |image| {
            let (devices, end) = (image.devices(), image.blocks());
            image.set_value(devices, 2, end);
            end
        },
    },
    Flaw {
        name: "device-mapping-root-is-the-tree-of-devices",
        answer: Refused("is damaged: it is the tree of devices, and the mappings of device 3"),
        check: Refuses,
        from: Kernel,
        make: |image| {
            let devices = image.devices();
            image.set_value(devices, 2, devices);
            devices
        },
    },
    Flaw {
        name: "devices-out-of-order",
        answer: Refused("is damaged: its keys are out of order: 2 follows 3"),
        check: Refuses,
        from: Kernel,
        make: |image| {
            let devices = image.devices();
            image.set_key(devices, 1, 3);
            image.set_key(devices, 2, 2);
            devices
        },
    },
    Flaw {
        name: "devices-leaf-empty",
        answer: NotFound,
        check: Refuses,
        from: Kernel,
        make: |image| {
            let devices = image.devices();
            image.set_node(devices, NR_ENTRIES, &0_u32.to_le_bytes());
            devices
        },
    },
    // Nodes whose checksum is wrong, or whose place.
    Flaw {
        name: "node-checksum",
        answer: Refused("is damaged: wrong checksum"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let leaf = image.leaf();
            image.set(leaf, BLOCK - 1, &[1]);
            leaf
        },
    },
    Flaw {
        name: "node-of-zeros",
        answer: Refused("is damaged: wrong checksum"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let leaf = image.leaf();
            image.set(leaf, 0, &[0; BLOCK]);
            leaf
        },
    },
    Flaw {
        name: "node-says-another-block",
        answer: Refused("is damaged: it says that it is block 77"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let leaf = image.leaf();
            image.set_node(leaf, BLOCKNR, &77_u64.to_le_bytes());
            leaf
        },
    },
    // What a node says of itself; from here on every checksum is right.
    Flaw {
        name: "node-flags-of-both",
        answer: Refused("is damaged: it is no node: its flags are 0x3"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let leaf = image.leaf();
            image.set_node(leaf, FLAGS, &3_u32.to_le_bytes());
            leaf
        },
    },
    Flaw {
        name: "node-flags-of-neither",
        answer: Refused("is damaged: it is no node: its flags are 0x0"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let inner = image.inner();
            image.set_node(inner, FLAGS, &0_u32.to_le_bytes());
            inner
        },
    },
    Flaw {
        name: "leaf-where-an-inner-node-belongs",
        answer: Refused("is damaged: a leaf where an inner node belongs"),
        check: Refuses,
        from: Deep,
        make: |image| {
            // The first leaf of an inner node takes its place.
            let (root, leaf) = (image.root(), image.value(image.inner(), 0));
            image.set_value(root, 1, leaf);
            leaf
        },
    },
    Flaw {
        name: "inner-node-where-a-leaf-belongs",
        answer: Refused("is damaged: an inner node where a leaf belongs"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let (inner, leaf) = (image.inner(), image.leaf());
            let copy = image.append_copy(inner);
            image.set_key(copy, 0, image.get(leaf, KEYS));
            image.set_node(copy, NR_ENTRIES, &1_u32.to_le_bytes());
            image.set_value(copy, 0, leaf);
            image.set_value(inner, 1, copy);
            copy
        },
    },
    Flaw {
        name: "inner-node-empty",
        answer: Refused("is damaged: it is empty"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let inner = image.inner();
            image.set_node(inner, NR_ENTRIES, &0_u32.to_le_bytes());
            inner
        },
    },
    Flaw {
        name: "root-inner-and-empty",
        answer: Refused("is damaged: it is empty"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let root = image.root();
            image.set_node(root, NR_ENTRIES, &0_u32.to_le_bytes());
            root
        },
    },
    Flaw {
        name: "leaf-empty",
        answer: Refused("is damaged: it is empty"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let leaf = image.leaf();
            image.set_node(leaf, NR_ENTRIES, &0_u32.to_le_bytes());
            leaf
        },
    },
    Flaw {
        name: "node-more-entries-than-room",
        answer: Refused("is damaged: 7 entries in a node for 6"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let leaf = image.leaf();
            image.set_node(leaf, NR_ENTRIES, &7_u32.to_le_bytes());
            leaf
        },
    },
    Flaw {
        name: "node-entries-absurd",
        answer: Refused("is damaged: 4294967295 entries in a node for 6"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let leaf = image.leaf();
            image.set_node(leaf, NR_ENTRIES, &u32::MAX.to_le_bytes());
            leaf
        },
    },
    Flaw {
        name: "node-room-beyond-the-block",
        answer: Refused("is damaged: 255 entries do not fit into a block"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let leaf = image.leaf();
            image.set_node(leaf, MAX_ENTRIES, &255_u32.to_le_bytes());
            leaf
        },
    },
    Flaw {
        name: "node-room-absurd",
        answer: Refused("is damaged: 4294967295 entries do not fit into a block"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let inner = image.inner();
            image.set_node(inner, MAX_ENTRIES, &u32::MAX.to_le_bytes());
            inner
        },
    },
    Flaw {
        name: "leaf-value-size-24",
        answer: Refused("is damaged: values of 24 bytes where they have 8"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let leaf = image.leaf();
            image.set_node(leaf, VALUE_SIZE, &24_u32.to_le_bytes());
            leaf
        },
    },
    Flaw {
        name: "inner-node-value-size-0",
        answer: Refused("is damaged: values of 0 bytes where they have 8"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let inner = image.inner();
            image.set_node(inner, VALUE_SIZE, &0_u32.to_le_bytes());
            inner
        },
    },
    Flaw {
        name: "node-value-size-absurd",
        answer: Refused("is damaged: values of 4294967295 bytes where they have 8"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let leaf = image.leaf();
            image.set_node(leaf, VALUE_SIZE, &u32::MAX.to_le_bytes());
            leaf
        },
    },
    // Keys.
    Flaw {
        name: "leaf-keys-reversed",
        answer: Refused("is damaged: its keys are out of order"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let leaf = image.leaf();
            let (first, second) = (image.get(leaf, KEYS), image.get(leaf, KEYS + 8));
            image.set_key(leaf, 0, second);
            image.set_key(leaf, 1, first);
            leaf
        },
    },
    Flaw {
        name: "leaf-key-twice",
        answer: Refused("is damaged: its keys are out of order"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let leaf = image.leaf();
            let first = image.get(leaf, KEYS);
            image.set_key(leaf, 1, first);
            leaf
        },
    },
    Flaw {
        name: "inner-node-keys-reversed",
        answer: Refused("is damaged: its keys are out of order"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let inner = image.inner();
            let (first, second) = (image.get(inner, KEYS), image.get(inner, KEYS + 8));
            image.set_key(inner, 0, second);
            image.set_key(inner, 1, first);
            inner
        },
    },
    Flaw {
        name: "leaf-key-below-its-parents",
        answer: Refused("is damaged: the key"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let leaf = image.leaf();
            let low = image.get(leaf, KEYS);
            image.set_key(leaf, 0, low - 1);
            leaf
        },
    },
    Flaw {
        name: "leaf-key-of-the-next-leaf",
        answer: Refused("is damaged: the key"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let (inner, leaf) = (image.inner(), image.leaf());
            let next = image.get(inner, KEYS + 16);
            let last = image.entries(leaf) - 1;
            image.set_key(leaf, last, next);
            leaf
        },
    },
    Flaw {
        name: "leaf-key-beyond-any-volume",
        answer: Refused("is damaged: it maps block 18446744073709551615, which no volume is"),
        check: Accepts("it knows no size of a volume"),
        from: Kernel,
        make: |image| {
            let root = image.root();
            let last = image.entries(root) - 1;
            image.set_key(root, last, u64::MAX);
            root
        },
    },
    Flaw {
        name: "leaf-key-beyond-2-to-the-63-bytes",
        answer: Refused("is damaged: it maps block 140737488355328, which no volume is"),
        check: Accepts("it knows no size of a volume"),
        from: Kernel,
        make: |image| {
            let root = image.root();
            let last = image.entries(root) - 1;
            image.set_key(root, last, 1 << (63 - 16));
            root
        },
    },
    // Children.
    Flaw {
        name: "child-past-the-end",
        answer: Refused("is damaged: it lies past the end"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let (inner, end) = (image.inner(), image.blocks());
            image.set_value(inner, 1, end);
            end
        },
    },
    Flaw {
        name: "child-absurd",
        answer: Refused("is damaged: it lies past the end"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let inner = image.inner();
            image.set_value(inner, 1, u64::MAX);
            u64::MAX
        },
    },
    Flaw {
        name: "child-is-the-superblock",
        answer: Refused("is damaged: wrong checksum"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let inner = image.inner();
            image.set_value(inner, 1, 0);
            0
        },
    },
    Flaw {
        name: "child-is-its-own-parent",
        answer: Refused("is damaged: an inner node where a leaf belongs"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let inner = image.inner();
            image.set_value(inner, 1, inner);
            inner
        },
    },
    Flaw {
        name: "root-is-its-own-first-child",
        answer: Refused("is damaged: a loop: it is among its own descendants"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let root = image.root();
            image.set_value(root, 0, root);
            root
        },
    },
    Flaw {
        name: "child-is-its-grandparent",
        answer: Refused("is damaged: an inner node where a leaf belongs"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let (root, inner) = (image.root(), image.inner());
            image.set_value(inner, 0, root);
            root
        },
    },
    Flaw {
        name: "child-in-two-places",
        answer: Refused("is damaged: the key"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let (inner, leaf) = (image.inner(), image.leaf());
            image.set_value(inner, 2, leaf);
            leaf
        },
    },
    Flaw {
        name: "depth-beyond-64",
        answer: Refused("is damaged: a depth beyond 64"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let root = image.root();
            let below = image.value(root, 0);
            let leaf = image.value(below, 0);
            let mut child = below;
            for _ in 0..62 {
                let node = image.append_copy(root);
                image.set_node(node, NR_ENTRIES, &1_u32.to_le_bytes());
                image.set_value(node, 0, child);
                child = node;
            }
            image.set_value(root, 0, child);
            leaf
        },
    },
    // Mappings.
    Flaw {
        name: "data-block-beyond-the-data",
        answer: WithData("is damaged: it maps block 2 to data block 3200, where the pool has 3200"),
        check: Accepts(NOT_COUNTED),
        from: Kernel,
        make: |image| {
            let (root, end) = (image.root(), image.get(0, DATA_MAP));
            image.set_value(root, 2, end << DATA_BLOCK | 1);
            root
        },
    },
    Flaw {
        name: "data-block-absurd",
        answer: WithData("is damaged: it maps block 2 to data block 1099511627775, where"),
        check: Accepts(NOT_COUNTED),
        from: Kernel,
        make: |image| {
            let root = image.root();
            image.set_value(root, 2, u64::MAX << DATA_BLOCK | 1);
            root
        },
    },
    Flaw {
        name: "data-block-of-two-thin-blocks",
        answer: NotRead("a difference is right block by block, whoever else has the same one"),
        check: Accepts(NOT_COUNTED),
        from: Kernel,
        make: |image| {
            let root = image.root();
            // Blocks 2 and 3 differ from the base either way.
            let third = image.value(root, 3);
            image.set_value(root, 2, third);
            root
        },
    },
    Flaw {
        name: "mapping-of-the-future",
        answer: NotRead("a difference is a difference of data blocks, whatever their times"),
        check: Accepts(NOT_LOOKED_AT),
        from: Kernel,
        make: |image| {
            let root = image.root();
            let value = image.value(root, 2);
            image.set_value(root, 2, value | 0x00ff_ffff);
            root
        },
    },
];
