//! Headers for tests.

use crate::{Header, Identity, Volume};

/// The header of a diff between two volumes of `size` bytes, with chunks of 64 KiB, which announces
/// nothing.
pub fn header(size: u64) -> Header {
    let volume = |name: &str| Volume { name: name.into(), uuid: String::new(), size };
    Header {
        target: volume("new"),
        base: Some(volume("old")),
        chunk_size: 65536,
        pairs: vec![],
        detect_level: 0,
        extents: 0,
        changed_bytes: 0,
        unmapped_bytes: 0,
        tool: "test".into(),
        created: 0,
        undo: false,
        base_origin: String::new(),
        identity: Identity::default(),
        rest: false,
    }
}
