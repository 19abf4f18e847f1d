//! [`resume`]: a part → proof → the volume that the rest of a stream is written to.

use anyhow::Context;
use blockio::OpenMode;
use flow::Refusal;
use hyperlayer::Records;
use lvm::{Activation, DeviceMapper, LogicalVolume, TemporarySnapshot, ThinDevice, Writes};
use streams::Link;

use crate::base::{check_identity, prove_watched};
use crate::given::Given;
use crate::part_proof::{OpenThin, prove_part};
use crate::plan::Start;

/// Takes a part that holds the beginning of a stream, once it is proved that it does, and its base too.
pub(crate) fn resume(
    given: Given<'_>,
    dm: &DeviceMapper,
    start: &Start,
    part: &LogicalVolume,
    link: &Link,
) -> anyhow::Result<TemporarySnapshot> {
    let keep_waiting = || given.session.keep_waiting();
    let name = part.full_name();
    let base = match start {
        Start::Base(base) => Some(base),
        Start::Pool(_) => None,
    };
    let base_active = match base {
        Some(base) => {
            check_identity(given, link, base)?;
            Some((Activation::ensure(dm, base, &keep_waiting)?, ThinDevice::find(dm, base)?))
        }
        None => None,
    };
    let proved = match base.zip(base_active.as_ref()) {
        Some((base, (_, thin))) => Some(prove_watched(given, dm, thin, base, link)?),
        None => None,
    };
    let active = Activation::ensure(dm, part, &keep_waiting)?;
    let thin = ThinDevice::find(dm, part)?;
    {
        let device = source::open_thin(&thin, OpenMode::Read)?;
        source::write_back(dm, &thin, &device).with_context(|| name.clone())?;
        let part = OpenThin { name: &name, thin: &thin, device: &device, size: part.size };
        let base_name = base.map(LogicalVolume::full_name).unwrap_or_default();
        let base = base.zip(base_active.as_ref()).zip(proved.as_ref());
        let base = base.map(|((base, (_, thin)), (device, _))| OpenThin {
            name: &base_name,
            thin,
            device,
            size: base.size,
        });
        prove_part(dm, &part, base.as_ref(), link.decoder.held(), given.session.interrupt)
            .with_context(|| link.name.clone())?;
    }
    if let (Some(base), Some((device, watch))) = (base, &proved)
        && watch.seen(&|| source::read_once(device)) == Writes::Something
    {
        return Err(Refusal::base_mismatch(format!(
            "{} was written to while it was compared with {name}",
            base.full_name()
        ))
        .into());
    }
    drop(proved);
    base_active.map(|(active, _)| active.release()).transpose()?;
    active.release()?;
    given.session.interrupt.check()?;
    TemporarySnapshot::adopt(dm, part.clone(), &keep_waiting).with_context(|| name)
}
