//! [`OwnDevice`]: the device of a volume that is written in place, as the kernel has it.

use anyhow::Context;
use blockio::{Device, OpenMode};
use flow::{Interrupt, Refusal};
use lvm::{DeviceMapper, DeviceStatus, LogicalVolume, SegmentType, ThinDevice};
use streams::Link;

use crate::demand::{Count, Demand};
use crate::given::Given;
use crate::ground::Ground;
use crate::{base, identity, space};

/// An active volume's device.
pub(crate) enum OwnDevice {
    /// A thin volume, which allocates space as it is written to.
    Thin(ThinDevice),
    /// Any other volume, which has all of its space.
    Thick(DeviceStatus),
}

/// Whether a volume that is written in place is outside of any pool.
///
/// # Errors
/// [`Refusal::usage`] if it cannot be written in place.
pub(crate) fn is_thick(volume: &LogicalVolume) -> anyhow::Result<bool> {
    let (name, kind) = (volume.full_name(), &volume.segment_type);
    if *kind == SegmentType::Snapshot {
        return Err(Refusal::usage(format!(
            "{name} is a classic snapshot: what is written to it fills its COW device, and a full one \
             makes it invalid; name a volume with space of its own"
        ))
        .into());
    }
    if kind.name().ends_with("-pool") {
        return Err(
            Refusal::usage(format!("{name} is not a volume: its segment type is {kind}")).into()
        );
    }
    Ok(volume.thin_id.is_none())
}

impl OwnDevice {
    /// Finds the device of an active volume.
    pub(crate) fn find(dm: &DeviceMapper, volume: &LogicalVolume) -> anyhow::Result<Self> {
        if !is_thick(volume)? {
            return Ok(Self::Thin(ThinDevice::find(dm, volume)?));
        }
        let device = dm.device_of(volume)?;
        device
            .map(Self::Thick)
            .ok_or_else(|| anyhow::anyhow!("{} is not active", volume.full_name()))
    }

    /// Opens the device.
    pub(crate) fn open(&self, mode: OpenMode) -> anyhow::Result<Device> {
        match self {
            Self::Thin(thin) => source::open_thin(thin, mode),
            Self::Thick(device) => source::open_device(device, mode),
        }
    }

    /// Writes data that others left in the page cache back to the device, before it is read directly.
    ///
    /// # Errors
    /// As [`source::write_back`].
    pub(crate) fn write_back(&self, dm: &DeviceMapper, device: &Device) -> anyhow::Result<()> {
        match self {
            Self::Thin(thin) => source::write_back(dm, thin, device),
            Self::Thick(_) => Ok(device.write_back()?),
        }
    }

    /// The ground that a stream is written to, with room for all of it. `in_place`: that is this volume itself,
    /// not a new snapshot of it. `count` counts what an undo stream changes.
    ///
    /// # Errors
    /// [`Refusal::no_space`] if a pool has too little.
    pub(crate) fn ground(
        &self,
        dm: &DeviceMapper,
        link: &Link,
        in_place: Option<&Interrupt>,
        count: &Count<'_>,
    ) -> anyhow::Result<Ground> {
        let mut plain = Ground::plain(link.header());
        let demand = Demand::new(link.header(), link.announces());
        let demand = Demand { count: Some(count), ..demand };
        match (self, in_place) {
            (Self::Thin(thin), _) => {
                return space::ground(dm, thin, &demand, in_place);
            }
            (Self::Thick(device), Some(interrupt)) => {
                for thin in ThinDevice::find_below(dm, device.number)? {
                    space::check_below(dm, &thin, &demand, interrupt)?;
                    plain.leaves_same = link.header().undo;
                }
            }
            (Self::Thick(_), None) => {}
        }
        Ok(plain)
    }

    /// Proves its content; `name` is for messages.
    pub(crate) fn prove(
        &self,
        given: Given<'_>,
        dm: &DeviceMapper,
        device: &Device,
        name: &str,
        link: &Link,
    ) -> anyhow::Result<()> {
        match self {
            Self::Thin(thin) => base::prove_thin(given, dm, thin, device, name, link),
            Self::Thick(_) => base::prove_device(given, name, device, link),
        }
    }
}

/// Checks a stream against what is known about the place it will be written to: `volume` is the logical volume
/// there, if it is one.
pub(crate) fn check_place(
    given: Given<'_>,
    link: &Link,
    name: &str,
    volume: Option<&LogicalVolume>,
) -> anyhow::Result<()> {
    if let Some(volume) = volume {
        is_thick(volume)?;
        // Data written to the origin of a merge is lost when it is next activated.
        lvm::refuse_merge(volume)?;
        base::check_identity(given, link, volume)?;
    }
    match identity::check_undo(link.header(), name, volume) {
        Err(error) if !given.request.needs_proof() => log::warn!("{error}"),
        checked => checked.with_context(|| link.name.clone())?,
    }
    Ok(())
}
