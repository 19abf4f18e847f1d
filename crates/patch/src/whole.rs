//! Checks the result of streams against the root digest that the last one has of it.

use anyhow::Context;
use blockio::Device;
use flow::{Interruptible, Refusal, Session, WayOut};
use streams::Link;

use crate::base::mapped_at;
use crate::target::Target;

/// What a stream says about the volume that it leads to.
pub(crate) struct Said {
    /// The stream's name, for messages.
    name: String,
    /// In bytes.
    size: u64,
    root: Option<[u8; 32]>,
}

impl Said {
    /// By a stream that has been read to its end.
    pub(crate) fn by(link: &Link) -> Self {
        let (name, size) = (link.name.clone(), link.header().target.size);
        Self { name, size, root: link.decoder.roots().target }
    }
}

/// Reads everything that a target holds after a stream, except holes, and yields its root digest.
///
/// # Errors
/// [`Refusal::unverifiable`] if the stream does not say what its volume holds; [`Refusal::base_mismatch`] if
/// the target holds something else.
pub(crate) fn prove(target: &mut impl Target, said: &Said) -> anyhow::Result<[u8; 32]> {
    let Said { name, size, root } = said;
    let Some(expected) = *root else {
        let why = format!("{name} does not say what its volume holds as a whole");
        return Err(Refusal::unverifiable(why).but(WayOut::FindRoots).into());
    };
    let found = target.root(*size)?;
    if found != expected {
        let hex = |digest: [u8; 32]| blake3::Hash::from(digest).to_hex();
        return Err(Refusal::base_mismatch(format!(
            "the result is not what {name} leads to: its root digest is {}, expected {}: the base \
             differs where its digests did not look, or the device does not hold what was written \
             to it",
            hex(found),
            hex(expected)
        ))
        .into());
    }
    Ok(found)
}

/// The root digest of the first `size` bytes of a device.
pub(crate) fn root_of(
    device: &Device,
    size: u64,
    session: &Session<'_>,
) -> anyhow::Result<[u8; 32]> {
    let mapped = mapped_at(device, session.interrupt)?;
    let source = Interruptible { source: device, interrupt: session.interrupt };
    let go_on = || session.interrupt.check();
    let root =
        baseproof::digest_whole(&source, size, mapped.as_deref().map(baseproof::mapped_in), &go_on);
    Ok(root.context("reading the result")?.digest)
}
