//! Checks whether what a stream needs fits into what a pool has left.

use flow::{Refusal, counted, human};
use hyperlayer::Header;
use lvm::PoolMode;

use crate::demand::Demand;
use crate::free::Free;
use crate::leaves::LEAF_MAPPINGS;
use crate::need::{METADATA_MARGIN, metadata_blocks, of_cleared, of_records};
use crate::room::Room;
use crate::stand::Stand;

/// Yields how much the stream may write; if it does not say how much it will, that is whatever is free.
pub(crate) fn check(demand: &Demand<'_>, stand: &Stand<'_>) -> anyhow::Result<Room> {
    let header = demand.header;
    let discards = stand.discards();
    if demand.says_how_much() {
        let announced = check_announced(header, stand)?;
        // An undo stream writes where something was written before, and is not limited to what it announced.
        let chunks = if header.undo { u64::MAX } else { announced };
        return Ok(Room { chunks, discards, metadata: None });
    }
    // How much the records write is unknown, so none of it counts here.
    let none = Header { changed_bytes: 0, unmapped_bytes: 0, extents: 0, ..header.clone() };
    check_announced(&none, stand)?;
    let chunk_size = stand.pool.table.chunk_size;
    let all = none.target.size.div_ceil(chunk_size);
    let blocks = stand.status.free_metadata_blocks().saturating_sub(METADATA_MARGIN);
    let leaves = all.div_ceil(LEAF_MAPPINGS);
    let chunks = stand.status.free_chunks();
    if chunks >= all && blocks >= leaves.saturating_mul(2) {
        return Ok(Room { chunks, discards, metadata: Some((blocks, leaves)) });
    }
    let own = stand.own.map(|find| find()).transpose()?.flatten();
    if header.undo {
        return Ok(Room { discards, ..Room::default() });
    }
    let chunks = chunks.saturating_add(own.map_or(0, |own| own.count(all)));
    Ok(Room { chunks, discards, metadata: Some((blocks, leaves)) })
}

/// Compares the most that the stream can allocate with what is free; yields how many chunks its records can
/// write to. Every chunk written is a new one if the new volume begins as a snapshot.
///
/// # Errors
/// [`Refusal::no_space`] if there is too little, or another error if the pool takes no writes at all.
pub(crate) fn check_announced(header: &Header, stand: &Stand<'_>) -> anyhow::Result<u64> {
    let (pool, status) = (stand.pool, &stand.status);
    let name = &pool.name;
    if let Some(why) = status.takes_no_writes() {
        anyhow::bail!("pool {name} {why}: see `dmsetup status {name}` and lvmthin(7)");
    }
    let chunk_size = pool.table.chunk_size;
    let chunks = of_records(header, stand);
    let (cleared, discarded) = of_cleared(header, stand);
    let most = chunks.saturating_add(cleared);
    // Writing to the volume's own chunks takes no space.
    let all = header.target.size.div_ceil(chunk_size);
    let fits = |needed: u64| {
        let unmapped = header.unmapped_bytes.div_ceil(chunk_size).saturating_add(discarded);
        check_fits(header, stand, needed, unmapped)
    };
    let Err(refused) = fits(most) else { return Ok(chunks) };
    let Some(find) = stand.own else { return Err(refused.into()) };
    let own = find()?;
    // An undo announces everything that could have been overwritten, but its run may have ended early.
    let changed = stand.changed.filter(|_| header.undo);
    let ranges = own.as_ref().map_or(&[][..], |own| &own.ranges);
    let counted = changed.map(|changed| changed(ranges)).transpose()?;
    let not_own = all - own.as_ref().map_or(0, |own| own.count(all)).min(all);
    let Err(refused) = fits(counted.flatten().unwrap_or(most).min(not_own)) else {
        return Ok(chunks);
    };
    match own {
        Some(_) if matches!(counted, Some(None)) => log::warn!(
            "pool {name} may not have enough space for the whole undo, which cannot be read in \
             advance here: it stops before the pool is full, and can be applied again then; extend \
             the pool with `lvextend`"
        ),
        Some(_) => return Err(refused.into()),
        None if header.undo && status.mode == PoolMode::OutOfDataSpace => log::warn!(
            "pool {name} is full, and it is unknown what the volume shares with its snapshots: if \
             it shares anything, this will fail; extend the pool with `lvextend`"
        ),
        None => {
            return Err(anyhow::Error::new(refused).context(
                "it is unknown which chunks are the volume's own and take no space: the pool's \
                 metadata snapshot cannot be taken now (the log says why)",
            ));
        }
    }
    Ok(chunks)
}

fn check_fits(
    header: &Header,
    stand: &Stand<'_>,
    chunks: u64,
    unmapped: u64,
) -> Result<(), Refusal> {
    let (pool, status) = (stand.pool, &stand.status);
    let (name, chunk_size) = (&pool.name, pool.table.chunk_size);
    let free = status.chunks.1.saturating_sub(status.chunks.0);
    if chunks > free || (chunks > 0 && status.mode == PoolMode::OutOfDataSpace) {
        return Err(Refusal::no_space(format!(
            "pool {name} has {} ({}), and the stream can allocate {chunks} ({}){}: extend the pool \
             with `lvextend`, or remove volumes",
            counted(free, "free chunk"),
            human(free.saturating_mul(chunk_size)),
            human(chunks.saturating_mul(chunk_size)),
            why(header, stand),
        )));
    }
    let blocks = metadata_blocks(header, stand, chunks, unmapped);
    let free = status.free_metadata_blocks();
    if (chunks > 0 || unmapped > 0) && blocks > free {
        return Err(Refusal::no_space(format!(
            "pool {name} has {}, and the stream can take {blocks}: extend the pool's metadata with \
             `lvextend --poolmetadatasize`",
            counted(free, "free metadata block")
        )));
    }
    Ok(())
}

/// Why the stream can need more than its data.
fn why(header: &Header, stand: &Stand<'_>) -> &'static str {
    match (header.unmapped_bytes, stand.origin) {
        (0, _) => "",
        (_, Some(_)) => {
            ", because unmapped chunks would show the external origin, so zeros are written"
        }
        _ if stand.status.ignores_discards => {
            ", because the pool ignores discards, so zeros are written instead"
        }
        _ if !stand.pool.table.chunk_size.is_power_of_two() => {
            ", because the kernel skips chunks of discards if the chunk size is not a power of two"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::own::Own;
    use crate::testing::{TEN_FREE, is_no_space, stand};

    fn check_with(changed_chunks: u64, status: &str) -> anyhow::Result<u64> {
        check_both(changed_chunks, 0, status)
    }

    fn check_both(changed_chunks: u64, unmapped: u64, status: &str) -> anyhow::Result<u64> {
        let header = Header {
            changed_bytes: changed_chunks * 65536,
            unmapped_bytes: unmapped * 65536,
            ..crate::testing::header(1 << 30)
        };
        check_announced(&header, &stand(&crate::testing::pool(), status))
    }

    #[test]
    fn discards_count_where_an_external_origin_would_show() {
        let pool = crate::testing::pool();
        let check = |origin, unmapped: u64| {
            let header =
                Header { unmapped_bytes: unmapped * 65536, ..crate::testing::header(1 << 30) };
            check_announced(&header, &Stand { origin: Some(origin), ..stand(&pool, TEN_FREE) })
        };
        assert_eq!(check(1 << 30, 10).unwrap(), 10);
        let error = check(1 << 30, 11).unwrap_err();
        assert!(is_no_space(&error));
        assert!(error.to_string().contains("external origin"), "{error}");
        // Discards after the origin's end do unmap.
        assert_eq!(check(10 * 65536, 10000).unwrap(), 10);
        check(10 * 65536 + 512, 10000).unwrap_err();
    }

    #[test]
    fn discards_count_where_the_kernel_skips_chunks() {
        let mut pool = crate::testing::pool();
        pool.table.chunk_size = 3 * 65536;
        let check = |extents| {
            let unmapped_bytes = 1000 * 3 * 65536;
            let chunk_size = pool.table.chunk_size;
            let header = crate::testing::header(3 << 29);
            let header = Header { unmapped_bytes, extents, chunk_size, ..header };
            check_announced(&header, &stand(&pool, TEN_FREE))
        };
        assert_eq!(check(10).unwrap(), 10);
        check(11).unwrap_err();
    }

    #[test]
    fn what_is_the_volumes_own_takes_nothing() {
        let pool = crate::testing::pool();
        let header = |undo| Header {
            changed_bytes: 20 * 65536,
            undo,
            ..crate::testing::header(100 * 65536)
        };
        let check = |undo, own: &dyn Fn() -> anyhow::Result<Option<Own>>, status: &str| {
            let stand = Stand { own: Some(own), ..stand(&pool, status) };
            check_announced(&header(undo), &stand)
        };
        let own = |ranges: &[(u64, u64)]| {
            let ranges = ranges.to_vec();
            move || Ok(Some(Own { ranges: ranges.clone() }))
        };
        check(false, &own(&[(0, 40), (50, 100)]), TEN_FREE).unwrap();
        check(false, &own(&[(0, 40), (51, 100)]), TEN_FREE).unwrap_err();
        // Unknown does not mean none; and a pool that is full cannot become full.
        let error = check(true, &|| Ok(None), TEN_FREE).unwrap_err();
        assert!(!format!("{error:#}").contains("  "), "{error:#}");
        let full = "1 9/1024 100/100 - out_of_data_space discard_passdown error_if_no_space - 0";
        check(true, &|| Ok(None), full).unwrap();
        check(false, &|| Ok(None), full).unwrap_err();
        check(true, &own(&[(0, 100)]), full).unwrap();
        check(true, &own(&[(0, 99)]), full).unwrap_err();
    }

    #[test]
    fn an_undo_takes_what_it_changes_and_not_what_it_announced() {
        let pool = crate::testing::pool();
        let check = |undo, own: Option<u64>, counted: Option<u64>, status: &str| {
            let header = Header {
                changed_bytes: 90 * 65536,
                undo,
                ..crate::testing::header(10_000 * 65536)
            };
            let find = || Ok(own.map(|own| Own { ranges: vec![(0, own)] }));
            let changed = |ranges: &[(u64, u64)]| {
                assert_eq!(ranges.first().map(|range| range.1), own);
                Ok(counted)
            };
            let stand = Stand { own: Some(&find), changed: Some(&changed), ..stand(&pool, status) };
            check_announced(&header, &stand)
        };
        // The data and metadata left are not enough for what it announced.
        let none_free = "1 1020/1024 100/100 - rw discard_passdown queue_if_no_space - 0";
        check(true, Some(60), Some(0), none_free).unwrap();
        let error = check(true, Some(60), Some(1), none_free).unwrap_err();
        assert!(error.to_string().contains("can allocate 1 "), "{error}");
        check(true, Some(60), Some(10), TEN_FREE).unwrap();
        check(true, Some(60), Some(11), TEN_FREE).unwrap_err();
        // The volume's own chunks count if they are unknown.
        check(true, None, Some(10), TEN_FREE).unwrap();
        check(true, None, Some(11), TEN_FREE).unwrap_err();
        // If it is not read beforehand, the gauge stops it in time.
        check(true, Some(60), None, none_free).unwrap();
        check(false, Some(60), None, none_free).unwrap_err();
        check(false, Some(60), Some(0), none_free).unwrap_err();
    }

    #[test]
    fn what_fits_exactly_is_allowed_and_one_chunk_more_is_not() {
        let status = "1 10/1024 90/100 - rw discard_passdown queue_if_no_space - 0";
        check_with(10, status).unwrap();
        let error = check_with(11, status).unwrap_err();
        assert!(is_no_space(&error));
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
        assert!(is_no_space(&check_with(1, status).unwrap_err()));
        check_with(0, status).unwrap();
    }
}
