//! What several modules' tests begin with.

use hyperlayer::{Header, Volume};

/// A header of a diff between two volumes of one size that announces nothing.
pub(crate) fn header(size: u64) -> Header {
    let volume = || Volume { name: "v".into(), uuid: String::new(), size };
    Header {
        target: volume(),
        base: Some(volume()),
        chunk_size: 65536,
        pairs: vec![],
        detect_level: 0,
        extents: 1,
        changed_bytes: 0,
        unmapped_bytes: 0,
        tool: "test".into(),
        created: 0,
        undo: false,
        base_origin: String::new(),
    }
}
