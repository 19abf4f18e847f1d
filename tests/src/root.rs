//! The root digest of a volume, made from the text of `docs/stream-format.md` and nothing else, in the most
//! obvious way: recursively, from the top. Our library has no part in it.

use std::sync::LazyLock;

/// The root digest of a volume that holds these bytes.
pub fn digest(volume: &[u8]) -> [u8; 32] {
    digest_of_size(volume, volume.len() as u64)
}

/// The root digest of a volume of `size` bytes, of which the first ones are these, and the rest zeros.
pub fn digest_of_size(volume: &[u8], size: u64) -> [u8; 32] {
    let mut height = 0;
    while bytes_of(height) < u128::from(size) {
        height += 1;
    }
    let mut root = b"ROOT".to_vec();
    root.extend(height.to_le_bytes());
    root.extend(size.to_le_bytes());
    root.extend(node(volume, height, 0));
    *blake3::hash(&root).as_bytes()
}

/// The digest of a node that covers zeros only.
pub fn zeros(level: u32) -> [u8; 32] {
    static ZEROS: LazyLock<Vec<[u8; 32]>> = LazyLock::new(|| {
        let mut zeros = vec![*blake3::hash(&[0; 65536]).as_bytes()];
        for level in 1..=6 {
            zeros.push(node_of(level, &[zeros[level as usize - 1]; 256]));
        }
        zeros
    });
    ZEROS[level as usize]
}

/// How many bytes a node of this level covers.
fn bytes_of(level: u32) -> u128 {
    65536 << (8 * level)
}

/// The digest of node `number` of a level.
pub fn node(volume: &[u8], level: u32, number: u64) -> [u8; 32] {
    let begin = u128::from(number) * bytes_of(level);
    if begin >= volume.len() as u128 {
        return zeros(level);
    }
    if level == 0 {
        let rest = &volume[begin as usize..];
        let mut leaf = rest[..rest.len().min(65536)].to_vec();
        leaf.resize(65536, 0);
        return *blake3::hash(&leaf).as_bytes();
    }
    let children: Vec<_> =
        (0..256).map(|child| node(volume, level - 1, number * 256 + child)).collect();
    node_of(level, &children)
}

fn node_of(level: u32, children: &[[u8; 32]]) -> [u8; 32] {
    let mut bytes = b"NODE".to_vec();
    bytes.extend(level.to_le_bytes());
    bytes.extend(children.concat());
    *blake3::hash(&bytes).as_bytes()
}
