//! Flaws of a node: its checksum, its place, and what it says of itself.

use crate::damage::Answer::Refused;
use crate::damage::Check::Refuses;
use crate::damage::Flaw;
use crate::damage::From::Deep;
use crate::damage::image::{BLOCK, BLOCKNR, FLAGS, KEYS, MAX_ENTRIES, NR_ENTRIES, VALUE_SIZE};

pub(super) const NODES: &[Flaw] = &[
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
        answer: Refused("is damaged: it claims to be block 77"),
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
        answer: Refused("is damaged: it is not a node: its flags are 0x3"),
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
        answer: Refused("is damaged: it is not a node: its flags are 0x0"),
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
        answer: Refused("is damaged: values of 24 bytes, expected 8"),
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
        answer: Refused("is damaged: values of 0 bytes, expected 8"),
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
        answer: Refused("is damaged: values of 4294967295 bytes, expected 8"),
        check: Refuses,
        from: Deep,
        make: |image| {
            let leaf = image.leaf();
            image.set_node(leaf, VALUE_SIZE, &u32::MAX.to_le_bytes());
            leaf
        },
    },
];
