//! What a pool's metadata says about a thin volume, if it can be read now.

use blockio::Range;
use flow::Interrupt;
use lvm::{DeviceMapper, Reserve, ThinDevice};
use source::{HeldMetadata, with_held_metadata};
use thinmeta::ThinId;

/// The mapped ranges of a thin volume from `begin` on, so that its holes need not be read; `None` if they are
/// unknown: then all of it is read. The first range may begin before `begin`.
///
/// # Errors
/// If the metadata is damaged, or the device fails.
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

/// Reads the metadata of a thin volume's pool; `None` if it cannot be held.
pub(crate) fn with_metadata<'a, T>(
    dm: &DeviceMapper,
    thin: &ThinDevice,
    interrupt: &'a Interrupt,
    read: impl FnOnce(&HeldMetadata<'a>, ThinId) -> anyhow::Result<T>,
) -> anyhow::Result<Option<T>> {
    let pool = thin.pool(dm)?;
    let read =
        |metadata: &HeldMetadata<'a>| read(metadata, ThinId::try_from(u64::from(thin.table.id))?);
    match with_held_metadata(dm, &pool, Reserve::IfFree, interrupt, read) {
        Ok(found) => found.map(Some),
        Err(error @ (lvm::Error::MetadataSnapshotHeld { .. } | lvm::Error::State(_))) => {
            log::info!("the metadata of pool {} is not read: {error}", pool.name);
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
