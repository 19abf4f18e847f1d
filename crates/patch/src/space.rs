//! Checks whether a pool has room for what a stream will allocate.

use std::cell::OnceCell;
use std::sync::Arc;

use flow::Interrupt;
use hyperlayer::{Header, Volume};
use lvm::{DeviceMapper, PoolDevice, PoolMode, PoolStatus, ThinDevice, ThinStatus};

use crate::demand::Demand;
use crate::fits::{check, check_announced};
use crate::gauge::Gauge;
use crate::ground::Ground;
use crate::own::Own;
use crate::stand::Stand;

/// For a thin volume: compares the most that the stream can allocate with what is free. Yields the ground
/// that the stream is written to, which lets it take no more than there is. `in_place`: the volume itself is
/// written, perhaps once more, and not a new snapshot of it.
///
/// # Errors
/// [`Refusal::no_space`](flow::Refusal::no_space) if there is too little, or another error if the pool takes no
/// writes at all.
pub(crate) fn ground(
    dm: &DeviceMapper,
    thin: &ThinDevice,
    demand: &Demand<'_>,
    in_place: Option<&Interrupt>,
) -> anyhow::Result<Ground> {
    let (header, count) = (demand.header, demand.count);
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
        cleared: demand.cleared.clone(),
        mapped: thin.status(dm)?,
        own: in_place.is_some().then_some(&find),
        changed: count.is_some().then_some(&changed),
    };
    let room = check(demand, &stand)?;
    let is_full = stand.status.mode == PoolMode::OutOfDataSpace;
    let own = found.into_inner().flatten();
    // In a pool that is already full, an undo stream is let through if the volume's own chunks are unknown.
    let gauge = match header.undo && is_full && own.is_none() {
        true => None,
        false => {
            let (dm, asked) = (DeviceMapper::open()?, pool.clone());
            let ask = Box::new(move || Ok(asked.status(&dm)?));
            Some(Arc::new(Gauge::new(pool.clone(), ask, &own.unwrap_or_default().ranges)))
        }
    };
    Ok(Ground::of_pool(&pool, header, room, origin, gauge))
}

/// For a device that lies on a thin volume, and writes to unknown chunks of it: the same comparison, with
/// everything that the stream covers.
///
/// # Errors
/// As [`ground`].
pub(crate) fn check_below(
    dm: &DeviceMapper,
    thin: &ThinDevice,
    demand: &Demand<'_>,
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    let Demand { header, cleared, count, .. } = demand;
    let pool = thin.pool(dm)?;
    let chunk_size = pool.table.chunk_size;
    // A discard frees nothing there, and each extent can begin and end inside a chunk.
    let status = PoolStatus { ignores_discards: true, ..pool.status(dm)? };
    let bytes = cleared.end.saturating_sub(cleared.start);
    let stream_chunk = header.chunk_size;
    let header = match demand.says_how_much() {
        true => Header {
            changed_bytes: header.changed_bytes.saturating_add(bytes),
            extents: header.extents.saturating_add(u64::from(!cleared.is_empty())),
            chunk_size: 0,
            ..Header::clone(header)
        },
        false => {
            Header { changed_bytes: 0, unmapped_bytes: 0, extents: 0, ..Header::clone(header) }
        }
    };
    let all = thin.device.number.size()?.div_ceil(chunk_size);
    let find = || {
        let own = Own::find(dm, thin, interrupt)?;
        // Of the whole device, because it is unknown where the stream's volume begins on it.
        Ok(own.map(|own| Own { ranges: vec![(0, own.count(all))] }))
    };
    let target = Volume { size: all.saturating_mul(chunk_size), ..header.target.clone() };
    let changed = |_: &[(u64, u64)]| {
        let Some(count) = count else { return Ok(None) };
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
        changed: count.is_some().then_some(&changed),
    };
    check_announced(&Header { target, ..header }, &stand).map(drop)
}

/// For a new volume in a pool, before there is one.
///
/// # Errors
/// As [`ground`].
pub(crate) fn check_pool(
    pool: &PoolDevice,
    status: PoolStatus,
    demand: &Demand<'_>,
) -> anyhow::Result<()> {
    let cleared = 0..0;
    let (origin, own, changed) = (None, None, None);
    let mapped = ThinStatus::default();
    check(demand, &Stand { pool, status, origin, cleared, mapped, own, changed }).map(drop)
}
