//! Whether a pool has room for what a stream will allocate.

use cli::{Refusal, human};
use hyperlayer::Header;
use lvm::{PoolDevice, PoolMode, PoolStatus};

use crate::chain::Link;

/// A leaf of a mapping tree holds at least this many mappings after a split.
pub(crate) const LEAF_MAPPINGS: u64 = 126;

/// Metadata blocks for what is not a leaf: inner nodes, the tree of devices, the space maps.
const METADATA_MARGIN: u64 = 32;

/// How much a stream may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// How many chunks.
    pub(crate) chunks: u64,
    /// What is discarded counts too: it cannot be unmapped, and becomes zeros.
    pub(crate) discards_write: bool,
    /// Of a stream that does not say how much it writes: how many metadata blocks it may take, and
    /// how many leaves its volume's tree has at the most.
    pub(crate) metadata: Option<(u64, u64)>,
}

impl Default for Room {
    /// There is room for everything.
    fn default() -> Self {
        Self { chunks: u64::MAX, discards_write: false, metadata: None }
    }
}

/// Compares what the stream will allocate at the most with what is free; where it does not say that,
/// there is room for what is free.
///
/// # Errors
/// As [`check_announced`].
pub(crate) fn check(link: &Link, pool: &PoolDevice, status: &PoolStatus) -> anyhow::Result<Room> {
    if link.announces() {
        let chunks = check_announced(link.header(), pool, status)?;
        return Ok(Room { chunks, ..Room::default() });
    }
    // What it may be, not what it is: none for certain.
    let none = Header { changed_bytes: 0, unmapped_bytes: 0, extents: 0, ..link.header().clone() };
    check_announced(&none, pool, status)?;
    let free = |(used, all): (u64, u64)| all.saturating_sub(used);
    let blocks = free(status.metadata_blocks).saturating_sub(METADATA_MARGIN);
    let leaves = none.target.size.div_ceil(pool.table.chunk_size).div_ceil(LEAF_MAPPINGS);
    let chunks = match status.mode {
        PoolMode::OutOfDataSpace => 0,
        _ => free(status.chunks),
    };
    Ok(Room { chunks, discards_write: status.ignores_discards, metadata: Some((blocks, leaves)) })
}

/// Compares what the stream will allocate at the most with what is free; yields that, in chunks.
/// Every chunk that is written is a new one, because the new volume begins as a snapshot.
///
/// # Errors
/// [`Refusal::NoSpace`] where it is too little, or an error where the pool takes no writes at all.
fn check_announced(header: &Header, pool: &PoolDevice, status: &PoolStatus) -> anyhow::Result<u64> {
    let name = &pool.name;
    if let Some(why) = status.takes_no_writes() {
        anyhow::bail!("pool {name} {why}: see `dmsetup status {name}` and lvmthin(7)");
    }
    let chunk_size = pool.table.chunk_size;
    let mut chunks = header.changed_bytes.div_ceil(chunk_size);
    if let Some(base) = &header.base
        && base.size != header.target.size
        && !base.size.is_multiple_of(chunk_size)
    {
        // The chunk in which the base ends, which may be unmapped up to there.
        chunks = chunks.saturating_add(1);
    }
    if header.chunk_size != chunk_size {
        // Every extent may begin and end inside a chunk.
        let all = header.target.size.div_ceil(chunk_size);
        chunks = chunks.saturating_add(header.extents.saturating_mul(2)).min(all);
    }
    if status.ignores_discards {
        // What cannot be unmapped becomes zeros.
        chunks = chunks.saturating_add(header.unmapped_bytes.div_ceil(chunk_size));
    } else if header.unmapped_bytes > 0 && !header.target.size.is_multiple_of(chunk_size) {
        // The last chunk is a part of one, and cannot be unmapped.
        chunks = chunks.saturating_add(1);
    }
    let free = status.chunks.1.saturating_sub(status.chunks.0);
    if chunks > free || (chunks > 0 && status.mode == PoolMode::OutOfDataSpace) {
        return Err(Refusal::NoSpace(format!(
            "pool {name} has {free} free chunks ({}), and the stream can allocate {chunks} ({}): \
             extend the pool with `lvextend`, or remove volumes",
            human(free.saturating_mul(chunk_size)),
            human(chunks.saturating_mul(chunk_size))
        ))
        .into());
    }
    let blocks = metadata_blocks(header, chunks, chunk_size);
    let free = status.metadata_blocks.1.saturating_sub(status.metadata_blocks.0);
    if chunks > 0 && blocks > free {
        return Err(Refusal::NoSpace(format!(
            "pool {name} has {free} free metadata blocks, and the stream can take {blocks}: extend \
             the pool's metadata with `lvextend --poolmetadatasize`"
        ))
        .into());
    }
    Ok(chunks)
}

/// How many metadata blocks can be needed: a copy of every leaf that is touched, and new leaves.
fn metadata_blocks(header: &Header, chunks: u64, chunk_size: u64) -> u64 {
    let new = chunks.div_ceil(LEAF_MAPPINGS);
    // A run of chunks touches the leaves that it fills, and one more at either end.
    let touched = header.extents.saturating_mul(2).saturating_add(new);
    let all = header.target.size.div_ceil(chunk_size).div_ceil(LEAF_MAPPINGS);
    touched.min(all).saturating_add(new).saturating_add(METADATA_MARGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_with(changed_chunks: u64, status: &str) -> anyhow::Result<u64> {
        check_both(changed_chunks, 0, status)
    }

    fn check_both(changed_chunks: u64, unmapped: u64, status: &str) -> anyhow::Result<u64> {
        let header = Header {
            changed_bytes: changed_chunks * 65536,
            unmapped_bytes: unmapped * 65536,
            ..crate::testing::header(1 << 30)
        };
        let number = || "254:1".parse().unwrap();
        let table = "254:1 254:2 128 0".parse().unwrap();
        let pool = PoolDevice { name: "pool".into(), uuid: String::new(), number: number(), table };
        check_announced(&header, &pool, &status.parse().unwrap())
    }

    #[test]
    fn what_fits_exactly_is_allowed_and_one_chunk_more_is_not() {
        let status = "1 10/1024 90/100 - rw discard_passdown queue_if_no_space - 0";
        check_with(10, status).unwrap();
        let error = check_with(11, status).unwrap_err();
        assert_eq!(cli::exit_code(&error), 7);
        assert!(error.to_string().contains("10 free chunks"), "{error}");
    }

    #[test]
    fn discards_count_where_they_become_zeros() {
        let status = "1 10/1024 90/100 - rw discard_passdown queue_if_no_space - 0";
        assert_eq!(check_both(5, 50, status).unwrap(), 5);
        let ignoring = status.replace("discard_passdown", "ignore_discard");
        assert_eq!(check_both(5, 5, &ignoring).unwrap(), 10);
        check_both(5, 6, &ignoring).unwrap_err();
    }

    #[test]
    fn metadata_counts_too() {
        let status = "1 990/1024 0/100000 - rw discard_passdown queue_if_no_space - 0";
        check_with(1, status).unwrap_err();
        check_with(0, status).unwrap();
    }

    #[test]
    fn a_full_pool_takes_discards_only() {
        let status = "1 9/1024 100/100 - out_of_data_space discard_passdown error_if_no_space - 0";
        assert_eq!(cli::exit_code(&check_with(1, status).unwrap_err()), 7);
        check_with(0, status).unwrap();
    }
}
