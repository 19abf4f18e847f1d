//! Proves the base, read-only, before anything is written.

use anyhow::Context;
use blockio::{Device, Range, ReadAt};
use flow::{Interrupt, Interruptible, Refusal, WayOut};
use hyperlayer::{BaseChecksum, BaseDigest};

use crate::difference::first_difference;

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
    let whole = [Range { offset: 0, length: size }];
    let data = first_difference(device, None::<(&Device, u64)>, &whole, interrupt);
    let data = data.with_context(|| name.to_owned())?;
    let Some(place) = data else { return Ok(()) };
    Err(Refusal::base_mismatch(format!(
        "{name} is not empty: there is data within the MiB at offset {place}, and a full stream starts \
         from nothing"
    ))
    .but(WayOut::SkipProof)
    .into())
}
