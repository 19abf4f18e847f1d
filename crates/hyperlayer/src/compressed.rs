//! [`compression`]: what a file of another kind is compressed with.

/// A compression, and the command that undoes it.
const KNOWN: [(&[u8], &str, &str); 5] = [
    (b"\x1f\x8b", "gzip", "zcat"),
    (b"\x28\xb5\x2f\xfd", "zstd", "zstdcat"),
    (b"\xfd7zXZ\0", "xz", "xzcat"),
    (b"BZh", "bzip2", "bzcat"),
    (b"\x04\x22\x4d\x18", "lz4", "lz4cat"),
];

/// The name of the compression that data begins like, and the command that undoes it.
pub(crate) fn compression(first: &[u8]) -> Option<(&'static str, &'static str)> {
    let (_, name, command) = KNOWN.iter().find(|(magic, ..)| first.starts_with(magic))?;
    Some((name, command))
}
