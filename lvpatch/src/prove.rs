//! The base is proved, read-only, before anything is written.

use std::io;

use anyhow::Context;
use blockio::{AlignedBuf, Device, OpenMode, Range, ReadAhead, ReadAt, Width, in_order, is_zero};
use flow::{Interrupt, Interruptible, Refusal};
use hyperlayer::{BaseChecksum, BaseDigest};
use lvm::{DeviceMapper, MetadataSnapshot, Reserve, ThinDevice};
use thinmeta::{MetaBlock, Metadata, ThinId, View};

/// Holds the base against the digests.
///
/// # Errors
/// [`Refusal::BaseMismatch`] where it differs.
pub(crate) fn prove(
    name: &str,
    base: &(impl ReadAt + Sync),
    digests: &[BaseDigest],
    mapped: Option<&[Range]>,
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    let base = Interruptible { source: base, interrupt };
    match baseproof::verify(&base, digests, mapped, &|| interrupt.check()) {
        Ok(()) => Ok(()),
        Err(error) if error.is_mismatch() => Err(Refusal::BaseMismatch(format!(
            "{name} is not the base that the diff was made from: {error}"
        ))
        .into()),
        Err(error) => Err(anyhow::Error::new(error).context(name.to_owned())),
    }
}

/// Holds the base against the checksums.
///
/// # Errors
/// [`Refusal::BaseMismatch`] where it differs.
pub(crate) fn prove_checksums(
    name: &str,
    base: &impl ReadAt,
    checksums: &[BaseChecksum],
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    match baseproof::verify_checksums(base, checksums, &|| interrupt.check()) {
        Ok(()) => Ok(()),
        Err(error) if error.is_mismatch() => Err(Refusal::BaseMismatch(format!(
            "{name} is not the base that the diff was made from: {error}"
        ))
        .into()),
        Err(error) => Err(anyhow::Error::new(error).context(name.to_owned())),
    }
}

/// Makes sure that a device holds nothing but zeros, as far as a volume of `size` bytes goes.
///
/// # Errors
/// [`Refusal::BaseMismatch`] where it does.
pub(crate) fn empty(
    name: &str,
    device: &(impl ReadAt + Sync),
    size: u64,
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    const PIECE: u64 = 1 << 20;
    let mut places = (0..size).step_by(PIECE as usize);
    let width = Width { threads: 8, window: 16 };
    let read = |place: u64| {
        let mut buf = AlignedBuf::new((size - place).min(PIECE) as usize)?;
        device.read_at(place, &mut buf)?;
        io::Result::Ok(is_zero(&buf).then_some(()).ok_or(place))
    };
    let mut data = None;
    in_order(
        width,
        || {
            interrupt.check()?;
            io::Result::Ok(places.next())
        },
        read,
        |found| {
            data = data.or(found.err());
            Ok(())
        },
    )
    .with_context(|| name.to_owned())?;
    let Some(place) = data else { return Ok(()) };
    Err(Refusal::BaseMismatch(format!(
        "{name} is not empty: there is data within the MiB at offset {place}, and a full stream starts \
         from nothing; --no-base-check overwrites whatever it holds"
    ))
    .into())
}

/// What is mapped in a thin volume from `begin` on, so that its holes need not be read; `None` where
/// that cannot be told: then all of it is read. The first range may begin before that.
pub(crate) fn mapped_ranges(
    dm: &DeviceMapper,
    thin: &ThinDevice,
    begin: u64,
    interrupt: &Interrupt,
) -> anyhow::Result<Option<Vec<Range>>> {
    if thin.table.external_origin.is_some() {
        return Ok(None);
    }
    with_metadata(dm, thin, interrupt, |metadata, id| {
        let chunk_size = metadata.superblock().data_block_size();
        let range = |run: thinmeta::Run| Range {
            offset: run.begin.saturating_mul(chunk_size),
            length: run.length.saturating_mul(chunk_size),
        };
        let runs = metadata.mappings(id)?;
        let first = begin.checked_div(chunk_size).unwrap_or(0);
        Ok(runs.runs_from(first.into()).map(|run| run.map(range)).collect::<Result<_, _>>()?)
    })
}

/// A pool's metadata, as it is held for a moment.
pub(crate) type HeldMetadata<'a> = Metadata<Interruptible<'a, ReadAhead<Device>>>;

/// Reads the metadata of the pool that a thin volume is in; `None` where it cannot be held.
pub(crate) fn with_metadata<'a, T>(
    dm: &DeviceMapper,
    thin: &ThinDevice,
    interrupt: &'a Interrupt,
    read: impl FnOnce(&HeldMetadata<'a>, ThinId) -> anyhow::Result<T>,
) -> anyhow::Result<Option<T>> {
    let pool = thin.pool(dm)?;
    let keep_waiting = || interrupt.is_absent();
    let held = match MetadataSnapshot::reserve(dm, &pool, Reserve::IfFree, &keep_waiting) {
        Ok(held) => held,
        Err(error @ (lvm::Error::MetadataSnapshotHeld { .. } | lvm::Error::State(_))) => {
            log::info!("the metadata of pool {} is not read: {error}", pool.name);
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let opened = || -> anyhow::Result<T> {
        let device = source::open_device(&pool.metadata(dm)?, OpenMode::Read)?;
        let size = device.size();
        let view = View::HeldAt(MetaBlock::new(held.root()));
        let source = Interruptible { source: ReadAhead::new(device), interrupt };
        let metadata = Metadata::open(source, size, view)?;
        read(&metadata, ThinId::try_from(u64::from(thin.table.id))?)
    };
    let found = opened();
    let released = held.release();
    let found = found.with_context(|| format!("metadata of pool {}", pool.name))?;
    released?;
    Ok(Some(found))
}
