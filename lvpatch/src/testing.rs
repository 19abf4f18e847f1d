//! What several modules' tests begin with.

use hyperlayer::{Header, Volume};
use lvm::PoolDevice;

/// A pool with chunks of 64 KiB.
pub(crate) fn pool() -> PoolDevice {
    let number = "254:1".parse().unwrap();
    let table = "254:1 254:2 128 0".parse().unwrap();
    PoolDevice { name: "pool".into(), uuid: String::new(), number, table }
}

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
