//! Whether a pool has room for what a stream will allocate.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

use flow::{Interrupt, Refusal, human};
use hyperlayer::{Header, Volume};
use lvm::{DeviceMapper, PoolDevice, PoolMode, PoolStatus, ThinDevice, ThinStatus};
use streams::Link;

use crate::discards::Discards;
use crate::gauge::{Free, Gauge};
use crate::ground::Ground;
use crate::own::Own;
use crate::undone::Changed;

/// A leaf of a mapping tree holds at least this many mappings after a split.
pub(crate) const LEAF_MAPPINGS: u64 = 126;

/// And at least so many once some are removed.
const LEAST_MAPPINGS: u64 = 84;

/// Chunks whose use one block of the data's space map tells.
const BITMAP_CHUNKS: u64 = 16320;

/// Metadata blocks for what is not a leaf: inner nodes, the tree of devices, the space maps.
const METADATA_MARGIN: u64 = 32;

/// How much a stream may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// How many chunks.
    pub(crate) chunks: u64,
    /// What becomes of discards.
    pub(crate) discards: Discards,
    /// Of a stream that does not say how much it writes: how many metadata blocks it may take, and
    /// how many leaves its volume's tree has at the most.
    pub(crate) metadata: Option<(u64, u64)>,
}

impl Default for Room {
    /// There is room for everything.
    fn default() -> Self {
        Self { chunks: u64::MAX, discards: Discards::default(), metadata: None }
    }
}

/// Counts the chunks of a size that an undo stream changes, without those in some ranges; `None` where
/// it has not been read beforehand.
pub(crate) type Count<'a> = dyn Fn(u64, &[(u64, u64)]) -> anyhow::Result<Option<Changed>> + 'a;

/// The same in chunks of the pool.
type CountChunks<'a> = dyn Fn(&[(u64, u64)]) -> anyhow::Result<Option<u64>> + 'a;

/// A pool, and how the volume that is written stands in it.
struct Stand<'a> {
    pool: &'a PoolDevice,
    status: PoolStatus,
    /// The size of the volume's external origin, in bytes.
    origin: Option<u64>,
    /// What is cleared beside the records, in bytes: what lies there becomes zeros or goes.
    cleared: Range<u64>,
    /// What is mapped in the volume.
    mapped: ThinStatus,
    /// Finds the chunks that are the volume's own, where it is written itself.
    own: Option<&'a dyn Fn() -> anyhow::Result<Option<Own>>>,
    /// Counts the chunks that an undo stream changes, without those in some ranges.
    changed: Option<&'a CountChunks<'a>>,
}

/// For a thin volume: compares what the stream will allocate at the most with what is free. Yields
/// what the stream is written to; it takes no more than there is. `in_place`: the volume is written
/// itself, or once more, and not a new snapshot of it. `cleared`: what is made zeros beside the records, in bytes.
/// `count` is for an undo stream: it announced all that could have been overwritten, and leads back from
/// less.
///
/// # Errors
/// [`Refusal::NoSpace`] where it is too little, or an error where the pool takes no writes at all.
pub(crate) fn ground(
    dm: &DeviceMapper,
    link: &Link,
    thin: &ThinDevice,
    in_place: Option<&Interrupt>,
    cleared: Range<u64>,
    count: Option<&Count<'_>>,
) -> anyhow::Result<Ground> {
    let pool = thin.pool(dm)?;
    let changed = |own: &[(u64, u64)]| match count {
        Some(count) => Ok(count(pool.table.chunk_size, own)?.map(|changed| changed.chunks)),
        None => Ok(None),
    };
    let found: OnceCell<Option<Own>> = OnceCell::new();
    let find = || -> anyhow::Result<Option<Own>> {
        if let (None, Some(interrupt)) = (found.get(), in_place) {
            let own = Own::find(dm, thin, interrupt)?;
            return Ok(found.get_or_init(|| own).clone());
        }
        Ok(found.get().cloned().flatten())
    };
    let origin = thin.table.external_origin.map(|number| number.size()).transpose()?;
    let stand = Stand {
        pool: &pool,
        status: pool.status(dm)?,
        origin,
        cleared,
        mapped: thin.status(dm)?,
        own: in_place.is_some().then_some(&find),
        changed: count.is_some().then_some(&changed),
    };
    let room = check(link, &stand)?;
    let header = link.header();
    let is_full = stand.status.mode == PoolMode::OutOfDataSpace;
    let own = found.into_inner().flatten();
    // In a pool that is full already an undo stream is let through, whatever is known.
    let gauge = match header.undo && is_full && own.is_none() {
        true => None,
        false => {
            let (dm, asked) = (DeviceMapper::open()?, pool.clone());
            let ask = Box::new(move || Ok(asked.status(&dm)?));
            Some(Arc::new(Gauge::new(pool.clone(), ask, &own.unwrap_or_default().ranges)))
        }
    };
    let (chunk_size, zeroes) = (pool.table.chunk_size, pool.table.zeroes);
    let (size, leaves_same) = (header.target.size, header.undo);
    Ok(Ground { chunk_size, zeroes, unmaps: true, leaves_same, room, size, origin, gauge })
}

/// For a device that lies on a thin volume, where the chunks are not known that it writes to: compares
/// likewise, with all that the stream covers.
///
/// # Errors
/// As [`ground`].
pub(crate) fn check_below(
    dm: &DeviceMapper,
    link: &Link,
    thin: &ThinDevice,
    interrupt: &Interrupt,
    cleared: Range<u64>,
    count: &Count<'_>,
) -> anyhow::Result<()> {
    let pool = thin.pool(dm)?;
    let chunk_size = pool.table.chunk_size;
    // A discard frees nothing there, and each extent can begin and end inside a chunk.
    let status = PoolStatus { ignores_discards: true, ..pool.status(dm)? };
    let bytes = |range: &Range<u64>| range.end.saturating_sub(range.start);
    let header = link.header();
    let stream_chunk = header.chunk_size;
    let header = match link.announces() && !undoes_all(header) {
        true => Header {
            changed_bytes: header.changed_bytes.saturating_add(bytes(&cleared)),
            extents: header.extents.saturating_add(u64::from(!cleared.is_empty())),
            chunk_size: 0,
            ..header.clone()
        },
        false => Header { changed_bytes: 0, unmapped_bytes: 0, extents: 0, ..header.clone() },
    };
    let all = thin.device.number.size()?.div_ceil(chunk_size);
    let find = || {
        let own = Own::find(dm, thin, interrupt)?;
        // Of the whole device, for it is not known where the stream's volume begins there.
        Ok(own.map(|own| Own { ranges: vec![(0, own.count(all))] }))
    };
    let target = Volume { size: all.saturating_mul(chunk_size), ..header.target.clone() };
    let changed = |_: &[(u64, u64)]| {
        let changed = count(stream_chunk, &[])?;
        Ok(changed.map(|changed| changed.elsewhere(stream_chunk, chunk_size)))
    };
    let stand = Stand {
        pool: &pool,
        status,
        origin: None,
        cleared: 0..0,
        mapped: ThinStatus::default(),
        own: Some(&find),
        changed: Some(&changed),
    };
    check_announced(&Header { target, ..header }, &stand).map(drop)
}

/// For a new volume in a pool, before there is one.
///
/// # Errors
/// As [`ground`].
pub(crate) fn check_pool(
    link: &Link,
    pool: &PoolDevice,
    status: PoolStatus,
) -> anyhow::Result<Room> {
    let cleared = 0..0;
    let (origin, own, changed) = (None, None, None);
    let mapped = ThinStatus::default();
    check(link, &Stand { pool, status, origin, cleared, mapped, own, changed })
}

/// Whether it is an undo of a stream that did not say how much it writes, and covers all of the volume,
/// to be safe.
fn undoes_all(header: &Header) -> bool {
    header.undo && header.changed_bytes == header.target.size
}

/// What is cleared beside the records where a volume changes its size.
pub(crate) fn cleared(header: &Header) -> Range<u64> {
    let size = header.target.size;
    let before = header.base.as_ref().map_or(size, |base| base.size);
    before.min(size)..before.max(size)
}

/// Where the stream does not say what it writes, there is room for what is free.
fn check(link: &Link, stand: &Stand<'_>) -> anyhow::Result<Room> {
    let header = link.header();
    let discards =
        Discards::new(stand.pool.table.chunk_size, stand.status.ignores_discards, stand.origin);
    if link.announces() && !undoes_all(header) {
        let announced = check_announced(header, stand)?;
        // An undo stream writes to what has been written to, and is not stopped for what it announced.
        let chunks = if header.undo { u64::MAX } else { announced };
        return Ok(Room { chunks, discards, metadata: None });
    }
    // What it may be, not what it is: none for certain.
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

/// Compares what the stream will allocate at the most with what is free; yields that, in chunks.
/// Every chunk that is written is a new one where the new volume begins as a snapshot.
///
/// # Errors
/// [`Refusal::NoSpace`] where it is too little, or an error where the pool takes no writes at all.
fn check_announced(header: &Header, stand: &Stand<'_>) -> anyhow::Result<u64> {
    let (pool, status) = (stand.pool, &stand.status);
    let name = &pool.name;
    if let Some(why) = status.takes_no_writes() {
        anyhow::bail!("pool {name} {why}: see `dmsetup status {name}` and lvmthin(7)");
    }
    let chunk_size = pool.table.chunk_size;
    let chunks = of_records(header, stand);
    let (cleared, discarded) = of_cleared(header, stand);
    let most = chunks.saturating_add(cleared);
    // What is the volume's own is written for nothing.
    let all = header.target.size.div_ceil(chunk_size);
    let fits = |needed: u64| {
        let unmapped = header.unmapped_bytes.div_ceil(chunk_size).saturating_add(discarded);
        check_fits(header, stand, needed, unmapped)
    };
    let Err(refused) = fits(most) else { return Ok(chunks) };
    let Some(find) = stand.own else { return Err(refused.into()) };
    let own = find()?;
    // An undo announces all that could have been overwritten. The run that made it may have ended before.
    let changed = stand.changed.filter(|_| header.undo);
    let ranges = own.as_ref().map_or(&[][..], |own| &own.ranges);
    let counted = changed.map(|changed| changed(ranges)).transpose()?;
    let not_own = all - own.as_ref().map_or(0, |own| own.count(all)).min(all);
    let Err(refused) = fits(counted.flatten().unwrap_or(most).min(not_own)) else {
        return Ok(chunks);
    };
    match own {
        Some(_) if matches!(counted, Some(None)) => log::warn!(
            "pool {name} may have too little for all of the undo, which is not read beforehand here: it \
             ends before the pool is full, and can be applied once more then; extend the pool with \
             `lvextend`"
        ),
        Some(_) => return Err(refused.into()),
        None if header.undo && status.mode == PoolMode::OutOfDataSpace => log::warn!(
            "pool {name} is full, and what the volume shares with its snapshots is not known: if \
             something is, this will not end well; extend the pool with `lvextend`"
        ),
        None => {
            return Err(anyhow::Error::new(refused).context(
                "what the volume has of its own, which takes no space, is not known: the pool's \
                 metadata snapshot cannot be had now (--verbose says why)",
            ));
        }
    }
    Ok(chunks)
}

/// How many chunks the records write to at the most.
fn of_records(header: &Header, stand: &Stand<'_>) -> u64 {
    let chunk_size = stand.pool.table.chunk_size;
    let all = header.target.size.div_ceil(chunk_size);
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
        chunks = chunks.saturating_add(header.extents.saturating_mul(2)).min(all);
    }
    let discards = Discards::new(chunk_size, stand.status.ignores_discards, stand.origin);
    let unmapped = header.unmapped_bytes;
    chunks =
        chunks.saturating_add(discards.most_chunks(unmapped, header.extents, chunk_size)).min(all);
    let last_is_counted = discards.written_before >= header.target.size;
    if unmapped > 0 && !last_is_counted && !header.target.size.is_multiple_of(chunk_size) {
        // The last chunk is a part of one, and cannot be unmapped.
        chunks = chunks.saturating_add(1);
    }
    chunks
}

/// How many chunks become written zeros where a volume changes its size, or what lies behind a
/// stream's volume is cleared; and how many of them are mapped, and discarded.
fn of_cleared(header: &Header, stand: &Stand<'_>) -> (u64, u64) {
    let Range { start, end } = stand.cleared;
    let chunk_size = stand.pool.table.chunk_size;
    if start >= end {
        return (0, 0);
    }
    // The chunk in which the base ends, or the one in which the volume ends from now on.
    let border = u64::from(!start.is_multiple_of(chunk_size));
    let mapped = stand.mapped.end.min(end).saturating_sub(start).min(stand.mapped.mapped);
    let mapped = mapped.div_ceil(chunk_size);
    if end > header.target.size {
        // What is cut off is only unmapped, but for a part of a chunk at its end.
        let last = end - end % chunk_size;
        let shows = stand.mapped.end.max(stand.origin.unwrap_or(0)) > last.max(start);
        return (border.saturating_add(u64::from(last < end && shows)), mapped);
    }
    let origin = stand.origin.unwrap_or(0).min(end).saturating_sub(start).div_ceil(chunk_size);
    let discards = Discards::new(chunk_size, stand.status.ignores_discards, None);
    let written = discards.most_chunks(mapped.saturating_mul(chunk_size), 1, chunk_size);
    // The last one, if it is a part, cannot be unmapped.
    let last = u64::from(mapped > 0 && !end.is_multiple_of(chunk_size));
    let chunks = written.max(origin).saturating_add(border).saturating_add(last);
    (chunks, mapped)
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
        return Err(Refusal::NoSpace(format!(
            "pool {name} has {free} free chunks ({}), and the stream can allocate {chunks} ({}){}: \
             extend the pool with `lvextend`, or remove volumes",
            human(free.saturating_mul(chunk_size)),
            human(chunks.saturating_mul(chunk_size)),
            why(header, stand),
        )));
    }
    let blocks = metadata_blocks(header, stand, chunks, unmapped);
    let free = status.free_metadata_blocks();
    if (chunks > 0 || unmapped > 0) && blocks > free {
        return Err(Refusal::NoSpace(format!(
            "pool {name} has {free} free metadata blocks, and the stream can take {blocks}: extend \
             the pool's metadata with `lvextend --poolmetadatasize`"
        )));
    }
    Ok(())
}

/// Why it can be more than the stream's data.
fn why(header: &Header, stand: &Stand<'_>) -> &'static str {
    match (header.unmapped_bytes, stand.origin) {
        (0, _) => "",
        (_, Some(_)) => {
            ", because what is unmapped would show the external origin and becomes written zeros"
        }
        _ if stand.status.ignores_discards => {
            ", because the pool ignores discards and what they cover becomes written zeros"
        }
        _ if !stand.pool.table.chunk_size.is_power_of_two() => {
            ", because the kernel skips chunks of discards where the chunk size is no power of two"
        }
        _ => "",
    }
}

/// How many metadata blocks can be needed: a copy of every leaf that is touched, and new leaves, the
/// nodes above them, and what tells the use of the chunks.
fn metadata_blocks(header: &Header, stand: &Stand<'_>, chunks: u64, unmapped: u64) -> u64 {
    let new = chunks.div_ceil(LEAF_MAPPINGS);
    // A run of chunks touches the leaves that it fills, and one more at either end.
    let touched = header
        .extents
        .min(chunks.saturating_add(unmapped))
        .saturating_mul(2)
        .saturating_add(chunks.saturating_add(unmapped).div_ceil(LEAST_MAPPINGS));
    let size = header.target.size.max(stand.cleared.end);
    let all = size.div_ceil(stand.pool.table.chunk_size).div_ceil(LEAST_MAPPINGS);
    let leaves = touched.min(all).saturating_add(new);
    let inner = leaves.div_ceil(LEAF_MAPPINGS / 2);
    let bitmaps =
        stand.status.chunks.1.div_ceil(BITMAP_CHUNKS).min(chunks.saturating_add(unmapped));
    leaves.saturating_add(inner).saturating_add(bitmaps).saturating_add(METADATA_MARGIN)
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
        check_announced(&header, &stand(&crate::testing::pool(), status))
    }

    fn stand<'a>(pool: &'a PoolDevice, status: &str) -> Stand<'a> {
        let status = status.parse().unwrap();
        let (origin, own, changed) = (None, None, None);
        let mapped = ThinStatus::default();
        Stand { pool, status, origin, cleared: 0..0, mapped, own, changed }
    }

    const TEN_FREE: &str = "1 10/1024 90/100 - rw discard_passdown queue_if_no_space - 0";

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
        assert_eq!(cli::exit_code(&error), 7);
        assert!(error.to_string().contains("external origin"), "{error}");
        // Behind the origin's end they are unmapped.
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
        // Not known is not none; and a full pool cannot become full.
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
        // The data and the metadata that are left are not enough for what it announced.
        let none_free = "1 1020/1024 100/100 - rw discard_passdown queue_if_no_space - 0";
        check(true, Some(60), Some(0), none_free).unwrap();
        let error = check(true, Some(60), Some(1), none_free).unwrap_err();
        assert!(error.to_string().contains("can allocate 1 "), "{error}");
        check(true, Some(60), Some(10), TEN_FREE).unwrap();
        check(true, Some(60), Some(11), TEN_FREE).unwrap_err();
        // The volume's own chunks count where they are not known.
        check(true, None, Some(10), TEN_FREE).unwrap();
        check(true, None, Some(11), TEN_FREE).unwrap_err();
        // Where it is not read beforehand, the gauge ends it in time.
        check(true, Some(60), None, none_free).unwrap();
        check(false, Some(60), None, none_free).unwrap_err();
        check(false, Some(60), Some(0), none_free).unwrap_err();
    }

    #[test]
    fn holes_behind_the_end_take_nothing() {
        let pool = crate::testing::pool();
        let small = 4 * 65536;
        for target in [small, 16 << 40] {
            let mapped = ThinStatus { mapped: 65536, end: 16 << 40 };
            let stand = Stand { cleared: small..16 << 40, mapped, ..stand(&pool, TEN_FREE) };
            assert_eq!(of_cleared(&crate::testing::header(target), &stand).1, 1, "{target}");
        }
    }

    #[test]
    fn what_lies_behind_the_end_counts_as_far_as_it_becomes_zeros() {
        let pool = crate::testing::pool();
        let grown = 40 * 65536;
        let of = |base: u64, target: u64, mapped_end, origin, status: &str| {
            let header = crate::testing::header(target);
            let cleared = base.min(target)..base.max(target);
            let mapped = ThinStatus { mapped: mapped_end, end: mapped_end };
            let stand = Stand { cleared, mapped, origin, ..stand(&pool, status) };
            of_cleared(&header, &stand).0
        };
        let ignoring = TEN_FREE.replace("discard_passdown", "ignore_discard");
        assert_eq!(of(4 * 65536, grown, 4 * 65536, None, TEN_FREE), 0);
        assert_eq!(of(4 * 65536 + 512, grown, 5 * 65536, None, TEN_FREE), 1);
        assert_eq!(of(4 * 65536, grown, 9 * 65536, None, TEN_FREE), 0);
        assert_eq!(of(4 * 65536, grown, 9 * 65536, None, &ignoring), 5);
        assert_eq!(of(4 * 65536, grown, 0, Some(20 * 65536), TEN_FREE), 16);
        assert_eq!(of(4 * 65536, grown - 512, 64 * 65536, None, TEN_FREE), 1);
        // Where it becomes smaller, only a part of a chunk is written.
        assert_eq!(of(grown, 4 * 65536, grown, Some(grown), &ignoring), 0);
        assert_eq!(of(grown, 4 * 65536 + 512, grown, None, &ignoring), 1);
        assert_eq!(of(grown - 512, 4 * 65536, grown, None, TEN_FREE), 1);
        assert_eq!(of(grown - 512, 4 * 65536, grown - 65536, None, TEN_FREE), 0);
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
