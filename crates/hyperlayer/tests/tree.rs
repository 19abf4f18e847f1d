//! The root digest: the tables in docs/stream-format.md, an independent implementation of the document's
//! text, and `TreeHasher` all agree.

// It shares no code with the crate, and the programs' tests need it too.
#[allow(unreachable_pub)] // it is a public module there
#[path = "../../../tests/src/root.rs"]
mod root;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hyperlayer::{LEAF_BYTES, TreeHasher};
use proptest::prelude::*;

const DOCUMENT: &str = include_str!("../../../docs/stream-format.md");

/// The first and the last position of a range, and the byte that it holds. Everything else is zeros.
type Filled = (usize, usize, u8);

/// The document's volumes: their sizes and contents.
const VOLUMES: [(u64, &[Filled]); 12] = [
    (0, &[]),
    (512, &[]),
    (65536, &[]),
    (66048, &[]),
    (16_777_216, &[]),
    (16_777_728, &[]),
    (1 << 40, &[]),
    (16 << 40, &[]),
    ((1 << 63) - 512, &[]),
    (512, &[(0, 511, 0xa5)]),
    (1 << 40, &[(65_024, 131_071, 0xa5)]),
    (16_777_728, &[(0, 511, 0xa5), (16_777_216, 16_777_727, 0x5a)]),
];

fn content(ranges: &[Filled]) -> Vec<u8> {
    let mut content = vec![0; ranges.last().map_or(0, |range| range.1 + 1)];
    ranges.iter().for_each(|&(first, last, byte)| content[first..=last].fill(byte));
    content
}

fn tree(content: &[u8], size: u64) -> [u8; 32] {
    let mut tree = TreeHasher::new(size);
    for (number, leaf) in (0..).zip(content.chunks(LEAF_BYTES)) {
        if leaf.iter().any(|&byte| byte != 0) {
            tree.leaf(number, TreeHasher::leaf_digest(leaf));
        }
    }
    tree.finish()
}

fn hex(digest: [u8; 32]) -> String {
    blake3::Hash::from(digest).to_hex().to_string()
}

/// Compares the rows of the table after a mark in the document.
fn assert_rows(mark: &str, expected: &str) {
    let table = DOCUMENT.split(&format!("<!-- {mark} -->\n")).nth(1).expect("the mark is there");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let found: String = rows.map(|row| format!("{row}\n")).collect();
    assert!(found == expected, "{mark}: the document should have:\n{expected}");
}

#[test]
fn the_document_has_the_digests_of_zeros() {
    let row = |level| format!("| {level} | `{}` |\n", hex(root::zeros(level)));
    assert_rows("digests of zeros", &(0..=6).map(row).collect::<String>());
}

#[test]
fn the_document_has_the_root_digests_of_volumes() {
    let mut rows = String::new();
    for (size, ranges) in VOLUMES {
        let text = |&(first, last, byte): &Filled| format!("{first} to {last}: {byte:02x}");
        let data: Vec<_> = ranges.iter().map(text).collect();
        let data = if data.is_empty() { "none".into() } else { data.join("; ") };
        let content = content(ranges);
        let digest = root::digest_of_size(&content, size);
        writeln!(rows, "| {size} | {data} | `{}` |", hex(digest)).unwrap();
        assert_eq!(hex(tree(&content, size)), hex(digest), "{size} bytes, {data}");
    }
    assert_rows("root digests", &rows);
}

#[test]
fn the_document_has_an_example_step_by_step() {
    let content = content(VOLUMES[11].1);
    let node = |level, number| hex(root::node(&content, level, number));
    let mut rows = String::new();
    let mut row =
        |what: &str, of: &str, digest| writeln!(rows, "| {what} | {of} | `{digest}` |").unwrap();
    row("leaf 0", "512 times a5, 65024 times 00", node(0, 0));
    row("leaf 256", "512 times 5a, 65024 times 00", node(0, 256));
    row("node 0 of level 1", "`NODE`, 1, leaf 0, 255 times the zeros of level 0", node(1, 0));
    row("node 1 of level 1", "`NODE`, 1, leaf 256, 255 times the zeros of level 0", node(1, 1));
    row(
        "node 0 of level 2, the top",
        "`NODE`, 2, nodes 0 and 1 of level 1, 254 times the zeros of level 1",
        node(2, 0),
    );
    let size = content.len() as u64;
    row("root digest", &format!("`ROOT`, 2, {size}, the top"), hex(root::digest(&content)));
    assert_rows("worked example", &rows);
}

#[test]
fn sizes_around_each_height_differ_in_zeros_alone() {
    let mut seen = BTreeMap::new();
    for height in 0..=5 {
        let most = (LEAF_BYTES as u64) << (8 * height);
        for size in [most - 512, most, most + 512] {
            let found = tree(&[], size);
            assert_eq!(found, root::digest_of_size(&[], size), "{size} bytes");
            assert_eq!(seen.insert(found, size), None);
        }
    }
}

#[test]
#[should_panic(expected = "leaves ascend")]
fn leaves_ascend() {
    let mut tree = TreeHasher::new(1 << 30);
    tree.leaf(7, [0; 32]);
    tree.leaf(7, [0; 32]);
}

#[test]
#[should_panic(expected = "lies after the end")]
fn no_leaf_lies_behind_the_end() {
    TreeHasher::new(65537).leaf(2, [0; 32]);
}

/// The naive digest of sparse leaves, given their digests instead of their bytes.
fn sparse(leaves: &BTreeMap<u64, [u8; 32]>, size: u64) -> [u8; 32] {
    fn node(leaves: &BTreeMap<u64, [u8; 32]>, level: u32, number: u64) -> [u8; 32] {
        let below = |level: u32| 1_u64 << (8 * level);
        let range = number * below(level)..(number + 1) * below(level);
        match leaves.range(range).next() {
            None => return root::zeros(level),
            Some((_, digest)) if level == 0 => return *digest,
            Some(_) => {}
        }
        let mut bytes = [&b"NODE"[..], &level.to_le_bytes()].concat();
        for child in 0..256 {
            bytes.extend(node(leaves, level - 1, number * 256 + child));
        }
        *blake3::hash(&bytes).as_bytes()
    }
    let height = (0..).find(|level| (65536_u128 << (8 * level)) >= size.into()).unwrap();
    let top = node(leaves, height, 0);
    *blake3::hash(&[b"ROOT", &height.to_le_bytes()[..], &size.to_le_bytes(), &top].concat())
        .as_bytes()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_content_has_the_digest_that_the_text_says(
        sectors in prop_oneof![0..2000_u64, 32_700..33_000_u64],
        ranges in prop::collection::vec((0..33_000_usize, 1..400_usize, 0..3_u8), 0..6),
        flip in any::<prop::sample::Index>(),
    ) {
        let mut content = vec![0; sectors as usize * 512];
        for (first, sectors, byte) in ranges {
            let end = ((first + sectors) * 512).min(content.len());
            content.get_mut(first * 512..end).into_iter().for_each(|bytes| bytes.fill(byte));
        }
        let size = content.len() as u64;
        let digest = tree(&content, size);
        prop_assert_eq!(digest, root::digest(&content));
        // Adding leaves of zeros makes no difference; a changed byte does, and so do zeros after the end.
        let mut looked_at = TreeHasher::new(size);
        for (number, leaf) in (0..).zip(content.chunks(LEAF_BYTES)) {
            looked_at.leaf(number, TreeHasher::leaf_digest(leaf));
        }
        prop_assert_eq!(looked_at.finish(), digest);
        prop_assert!(tree(&content, size + 512) != digest);
        if !content.is_empty() {
            let place = flip.index(content.len());
            content[place] ^= 1;
            prop_assert!(tree(&content, size) != digest);
        }
    }

    #[test]
    fn leaves_as_far_apart_as_can_be(
        size in 1..1_u64 << 63,
        places in prop::collection::vec((0..64_u32, any::<u64>(), any::<u8>()), 0..6),
    ) {
        let count = size.div_ceil(LEAF_BYTES as u64);
        let leaves: BTreeMap<_, _> = places
            .into_iter()
            .map(|(shift, place, byte)| ((place >> shift) % count, *blake3::hash(&[byte]).as_bytes()))
            .collect();
        let mut tree = TreeHasher::new(size);
        leaves.iter().for_each(|(number, digest)| tree.leaf(*number, *digest));
        prop_assert_eq!(tree.finish(), sparse(&leaves, size));
    }
}
