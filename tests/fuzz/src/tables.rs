//! Device-mapper's tables and status lines, and names.

use std::fmt::Debug;
use std::str::FromStr;

use lvm::{
    DeviceNumber, PoolStatus, PoolTable, SnapshotStatus, SnapshotTable, ThinTable, VolumeName,
    check_new_name,
};

/// Takes the input for a line of each kind, and for a name.
pub fn run(input: &[u8]) {
    let line = String::from_utf8_lossy(input);
    parse::<ThinTable>(&line);
    parse::<PoolStatus>(&line);
    if let Some(pool) = parse::<PoolTable>(&line) {
        assert!(pool.chunk_size.is_multiple_of(512));
    }
    if let Some(snapshot) = parse::<SnapshotTable>(&line) {
        assert!(snapshot.chunk_size.is_multiple_of(512));
    }
    parse::<SnapshotStatus>(&line);
    _ = line.parse::<DeviceNumber>();
    _ = check_new_name(&line, "vg0", &[]);
    if let Ok(name) = VolumeName::parse(&line) {
        for part in name.group().into_iter().chain([name.volume()]) {
            let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"+_.-".contains(&byte);
            assert!(part.bytes().all(sound) && !part.starts_with('-'), "{part:?}");
        }
    }
}

/// Parses a line, which says the same with other spaces between its words.
fn parse<T: FromStr + Debug + PartialEq>(line: &str) -> Option<T> {
    let parsed = line.parse::<T>().ok();
    let words: Vec<_> = line.split_whitespace().collect();
    assert_eq!(parsed, words.join("  ").parse().ok());
    parsed
}
