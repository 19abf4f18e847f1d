//! Checks whether a place holds the stream's base, by tags, digests and checksums.

use anyhow::Context;
use blockio::{Device, OpenMode, Range};
use flow::{Interrupt, Refusal};
use hyperlayer::Records;
use lvm::{DeviceMapper, DeviceNumber, LogicalVolume, ThinDevice, WriteWatch};
use streams::Link;

use crate::changed::Changed;
use crate::given::Given;
use crate::holes::mapped_ranges;
use crate::undo_files::UndoStream;
use crate::{identity, prove, size};

/// Checks a volume's tags against the base that the stream names.
pub(crate) fn check_identity(
    given: Given<'_>,
    link: &Link,
    volume: &LogicalVolume,
) -> anyhow::Result<()> {
    match identity::check(link.header(), given.request.cut(), volume) {
        Err(error) if !given.request.needs_proof() => log::warn!("{error}"),
        checked => checked.with_context(|| link.name.clone())?,
    }
    Ok(())
}

/// Proves the content of a thin volume's device; `name` is for messages.
pub(crate) fn prove_thin(
    given: Given<'_>,
    dm: &DeviceMapper,
    thin: &ThinDevice,
    device: &Device,
    name: &str,
    link: &Link,
) -> anyhow::Result<()> {
    let interrupt = given.session.interrupt;
    if link.header().undo {
        return prove_undo(given, Some((dm, thin)), name, device, link);
    }
    let (digests, checksums) = (link.decoder.base_digests(), link.decoder.base_checksums());
    if !given.request.needs_proof() {
        return Ok(());
    }
    prove::prove_checksums(name, device, checksums, interrupt)
        .with_context(|| link.name.clone())?;
    if digests.is_empty() {
        return Ok(());
    }
    let mapped = match link.header().detect_level {
        3 => mapped_ranges(dm, thin, 0, interrupt)?,
        _ => None,
    };
    prove::prove(name, device, digests, mapped.as_deref(), interrupt)
        .with_context(|| link.name.clone())
}

/// Proves the base; yields its device, and a watch that began before the proof.
pub(crate) fn prove_watched(
    given: Given<'_>,
    dm: &DeviceMapper,
    thin: &ThinDevice,
    base: &LogicalVolume,
    link: &Link,
) -> anyhow::Result<(Device, WriteWatch)> {
    let device = source::open_thin(thin, OpenMode::Read)?;
    source::write_back(dm, thin, &device).with_context(|| base.full_name())?;
    let watch = WriteWatch::begin(&thin.device, &|| source::read_once(&device));
    prove_thin(given, dm, thin, &device, &base.full_name(), link)?;
    Ok((device, watch))
}

/// Checks a device against the stream's base, and its size against the stream's volume. A full stream starts
/// from nothing: zeros, and on a block device only.
pub(crate) fn prove_device(
    given: Given<'_>,
    name: &str,
    device: &Device,
    link: &Link,
) -> anyhow::Result<()> {
    let (header, interrupt) = (link.header(), given.session.interrupt);
    if header.base.is_none() {
        if !device.is_block() {
            return Err(exists(name));
        }
        size::check_fits(name, device, header)?;
        return match given.request.needs_proof() {
            true => prove::empty(name, device, header.target.size, interrupt),
            false => Ok(()), // whatever it holds is replaced
        };
    }
    size::check_base_size(header, name, size::size_of_volume(device, header))
        .with_context(|| link.name.clone())?;
    if header.undo {
        prove_undo(given, None, name, device, link)?;
    } else if given.request.needs_proof() {
        let digests = link.decoder.base_digests();
        prove::prove_checksums(name, device, link.decoder.base_checksums(), interrupt)
            .with_context(|| link.name.clone())?;
        let mapped = match header.detect_level {
            3 => mapped_at(device, interrupt)?,
            _ => None,
        };
        prove::prove(name, device, digests, mapped.as_deref(), interrupt)
            .with_context(|| link.name.clone())?;
    }
    size::check_fits(name, device, header)
}

/// Counts the chunks that an undo stream changes on a device, if it has been read.
pub(crate) fn count_changed<'a>(
    given: Given<'a>,
    device: &'a Device,
    link: &'a Link,
) -> impl Fn(u64, &[(u64, u64)]) -> anyhow::Result<Option<Changed>> + 'a {
    let header = link.header();
    move |chunk_size, known| {
        let interrupt = given.session.interrupt;
        given.undo_files.count_changed(header, device, chunk_size, known, interrupt)
    }
}

/// The error for a full stream whose file exists: it needs a new one.
pub(crate) fn exists(name: &str) -> anyhow::Error {
    Refusal::usage(format!(
        "{name} already exists, and a full stream makes a new file: name another one, or remove \
         it"
    ))
    .into()
}

/// Proves that an undo leads from what a device holds back to what was there; `thin` is the device's thin
/// volume, if it has one.
fn prove_undo(
    given: Given<'_>,
    thin: Option<(&DeviceMapper, &ThinDevice)>,
    name: &str,
    device: &Device,
    link: &Link,
) -> anyhow::Result<()> {
    if !given.request.needs_proof() {
        return Ok(());
    }
    let interrupt = given.session.interrupt;
    let (header, digests) = (link.header(), link.decoder.base_digests());
    let stream = UndoStream { name: &link.name, header, digests };
    let mapped = || match thin {
        Some((dm, thin)) => mapped_ranges(dm, thin, 0, interrupt),
        None => Ok(None),
    };
    given.undo_files.prove(stream, name, device, &mapped, interrupt)
}

/// The mapped ranges of a device, if it is a thin volume's, so that its holes need not be read.
pub(crate) fn mapped_at(
    device: &Device,
    interrupt: &Interrupt,
) -> anyhow::Result<Option<Vec<Range>>> {
    let number = DeviceNumber::from_rdev(device.rdev());
    if !device.is_block() || !number.is_volume() {
        return Ok(None);
    }
    let dm = DeviceMapper::open()?;
    match ThinDevice::find_by_number(&dm, number)? {
        Some(thin) => mapped_ranges(&dm, &thin, 0, interrupt),
        None => Ok(None),
    }
}
