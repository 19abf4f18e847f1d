//! The sizes of what a stream starts from, and of what it is written to.

use blockio::Device;
use flow::{Refusal, WayOut, escaped};
use hyperlayer::{Header, Volume};

/// The base that the header names.
pub(crate) fn base_of(header: &Header) -> anyhow::Result<&Volume> {
    header.base.as_ref().ok_or_else(|| {
        Refusal::usage("the stream is a full one: it starts from nothing, not from a base").into()
    })
}

/// Refuses a base of a different size.
pub(crate) fn check_base_size(header: &Header, name: &str, size: u64) -> anyhow::Result<()> {
    let expected = base_of(header)?;
    if size != expected.size {
        return Err(Refusal::base_mismatch(format!(
            "{name} has {size} bytes, but the stream starts from {}, which has {}",
            escaped(&expected.name),
            expected.size
        ))
        .into());
    }
    Ok(())
}

/// Refuses a stream that changes the size of a volume that is written in place.
pub(crate) fn check_size_stays(header: &Header) -> anyhow::Result<()> {
    let base = base_of(header)?;
    if base.size == header.target.size {
        return Ok(());
    }
    Err(Refusal::usage(format!(
        "the stream changes the volume's size from {} to {} bytes, which cannot be done in place",
        base.size, header.target.size
    ))
    .but(WayOut::MakeNewVolume)
    .into())
}

/// Refuses a block device that is too small; a file can grow.
pub(crate) fn check_fits(name: &str, device: &Device, header: &Header) -> anyhow::Result<()> {
    if !device.is_block() || header.target.size <= device.size() {
        return Ok(());
    }
    Err(Refusal::no_space(format!(
        "{name} has {} bytes, and the stream's volume {}",
        device.size(),
        header.target.size
    ))
    .into())
}

/// The size of the volume on a device: a block device can be larger than its volume, because of partitions or
/// LVM's extents; a file cannot.
pub(crate) fn size_of_volume(device: &Device, header: &Header) -> u64 {
    match &header.base {
        Some(base) if device.is_block() => device.size().min(base.size),
        _ => device.size(),
    }
}
