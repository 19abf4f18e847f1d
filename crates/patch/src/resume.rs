//! [`resume`]: a part → proof → the volume that the rest of a stream is written to.

use anyhow::Context;
use blockio::{Device, OpenMode};
use flow::Refusal;
use hyperlayer::Records;
use lvm::{
    Activation, DeviceMapper, LogicalVolume, TemporarySnapshot, ThinDevice, WriteWatch, Writes,
};
use streams::Link;

use crate::base::{check_identity, prove_watched};
use crate::given::Given;
use crate::part_proof::{OpenThin, prove_part};
use crate::plan::Start;

/// A base that has been proved, and is watched since before that. Fields are in the order in which they go: while its
/// device is open, a volume cannot be deactivated.
struct Base<'a> {
    volume: &'a LogicalVolume,
    watch: WriteWatch,
    device: Device,
    thin: ThinDevice,
    active: Activation,
}

/// Takes a part that holds the beginning of a stream, once it is proved that it does, and its base too.
pub(crate) fn resume(
    given: Given<'_>,
    dm: &DeviceMapper,
    start: &Start,
    part: &LogicalVolume,
    link: &Link,
) -> anyhow::Result<TemporarySnapshot> {
    let keep_waiting = || given.session.keep_waiting();
    let base = match start {
        Start::Base(volume) => Some(prove_base(given, dm, volume, link)?),
        Start::Pool(_) => None,
    };
    let name = part.full_name();
    let active = Activation::ensure(dm, part, &keep_waiting)?;
    prove(given, dm, part, base.as_ref(), link)?;
    if let Some(Base { volume, watch, device, active, .. }) = base {
        let writes = watch.seen(&|| source::read_once(&device));
        drop((watch, device));
        if writes == Writes::Something {
            return Err(Refusal::base_mismatch(format!(
                "{} was written to while it was compared with {name}",
                volume.full_name()
            ))
            .into());
        }
        active.release()?;
    }
    active.release()?;
    given.session.interrupt.check()?;
    TemporarySnapshot::adopt(dm, part.clone(), &keep_waiting).with_context(|| name)
}

fn prove_base<'a>(
    given: Given<'_>,
    dm: &DeviceMapper,
    volume: &'a LogicalVolume,
    link: &Link,
) -> anyhow::Result<Base<'a>> {
    check_identity(given, link, volume)?;
    let active = Activation::ensure(dm, volume, &|| given.session.keep_waiting())?;
    let thin = ThinDevice::find(dm, volume)?;
    let (device, watch) = prove_watched(given, dm, &thin, volume, link)?;
    Ok(Base { volume, active, thin, device, watch })
}

fn prove(
    given: Given<'_>,
    dm: &DeviceMapper,
    part: &LogicalVolume,
    base: Option<&Base<'_>>,
    link: &Link,
) -> anyhow::Result<()> {
    let (name, thin) = (part.full_name(), ThinDevice::find(dm, part)?);
    let device = source::open_thin(&thin, OpenMode::Read)?;
    source::write_back(dm, &thin, &device).with_context(|| name.clone())?;
    let part = OpenThin { name, thin: &thin, device: &device, size: part.size };
    let base = base.map(|Base { volume, thin, device, .. }| OpenThin {
        name: volume.full_name(),
        thin,
        device,
        size: volume.size,
    });
    prove_part(dm, &part, base.as_ref(), link.decoder.held(), given.session.interrupt)
        .with_context(|| link.name.clone())
}
