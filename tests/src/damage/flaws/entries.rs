//! Flaws of a node's entries: keys, children and mappings. Every checksum is right.

use crate::damage::Answer::{NotRead, Refused, WithData};
use crate::damage::Check::{Accepts, Refuses};
use crate::damage::Flaw;
use crate::damage::From::{Deep, Kernel};
use crate::damage::image::{KEYS, NR_ENTRIES};

// Where the fields of the superblock are (`struct thin_disk_superblock`).
const DATA_MAP: usize = 64;

/// A mapping's data block, above its 24 bits of time.
const DATA_BLOCK: u32 = 24;

// Why a check accepts, or lvdiff does not read, what is damaged.
const NOT_LOOKED_AT: &str = "it does not look at this field";
const NOT_COUNTED: &str = "it does not hold mappings against the data's space map";

pub(super) const ENTRIES: &[Flaw] = &[
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
        answer: Refused(
            "is damaged: it maps block 18446744073709551615, past the end of the largest",
        ),
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
        answer: Refused("is damaged: it maps block 140737488355328, past the end of the largest"),
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
        answer: Refused("is damaged: it is past the end"),
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
        answer: Refused("is damaged: it is past the end"),
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
        answer: WithData("is damaged: it maps block 2 to data block 3200, but the pool has 3200"),
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
        answer: WithData("is damaged: it maps block 2 to data block 1099511627775, but"),
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
