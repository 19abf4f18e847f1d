//! Proves the base, read-only, before anything is written.

use std::io;

use anyhow::Context;
use blockio::{AlignedBuf, Range, ReadAt, Width, in_order, is_zero};
use flow::{Interrupt, Interruptible, Refusal, WayOut};
use hyperlayer::{BaseChecksum, BaseDigest};

/// Checks the base against the digests; `mapped` are its mapped ranges, at detect level 3.
///
/// # Errors
/// [`Refusal::base_mismatch`] if it differs.
pub(crate) fn prove(
    name: &str,
    base: &(impl ReadAt + Sync),
    digests: &[BaseDigest],
    mapped: Option<&[Range]>,
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    let base = Interruptible { source: base, interrupt };
    match baseproof::verify(&base, digests, mapped.map(baseproof::mapped_in), &|| interrupt.check())
    {
        Ok(()) => Ok(()),
        Err(error) if error.is_mismatch() => Err(Refusal::base_mismatch(format!(
            "{name} is not the base that the diff was made from: {error}"
        ))
        .into()),
        Err(error) => Err(anyhow::Error::new(error).context(name.to_owned())),
    }
}

/// Checks the base against the checksums.
///
/// # Errors
/// [`Refusal::base_mismatch`] if it differs.
pub(crate) fn prove_checksums(
    name: &str,
    base: &impl ReadAt,
    checksums: &[BaseChecksum],
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    match baseproof::verify_checksums(base, checksums, &|| interrupt.check()) {
        Ok(()) => Ok(()),
        Err(error) if error.is_mismatch() => Err(Refusal::base_mismatch(format!(
            "{name} is not the base that the diff was made from: {error}"
        ))
        .into()),
        Err(error) => Err(anyhow::Error::new(error).context(name.to_owned())),
    }
}

/// Checks that the first `size` bytes of a device are zeros.
///
/// # Errors
/// [`Refusal::base_mismatch`] if they are not.
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
    Err(Refusal::base_mismatch(format!(
        "{name} is not empty: there is data within the MiB at offset {place}, and a full stream starts \
         from nothing"
    ))
    .but(WayOut::SkipProof)
    .into())
}
