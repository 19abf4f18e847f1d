//! [`Place`]: the volume that is written itself, as the kernel has it.

use blockio::{Device, OpenMode};
use cli::Refusal;
use lvm::{DeviceMapper, DeviceStatus, LogicalVolume, ThinDevice};

use crate::chain::Link;
use crate::ground::Ground;
use crate::patch::Job;
use crate::space::{self, Room};

/// An active volume.
pub(crate) enum Place {
    /// A thin volume, which allocates what is written to it.
    Thin(ThinDevice),
    /// Any other one, which has all of its space.
    Thick(DeviceStatus),
}

/// Whether a volume that is written itself is one without a pool.
///
/// # Errors
/// [`Refusal::Usage`] where it is none that can be written so.
pub(crate) fn is_thick(volume: &LogicalVolume) -> anyhow::Result<bool> {
    let (name, kind) = (volume.full_name(), volume.segment_type.as_str());
    if kind == "snapshot" {
        return Err(Refusal::Usage(format!(
            "{name} is a classic snapshot: what is written to it fills its COW device, and a full one \
             makes it invalid; name a volume with space of its own"
        ))
        .into());
    }
    if kind.ends_with("-pool") {
        return Err(
            Refusal::Usage(format!("{name} is no volume: its segment type is {kind}")).into()
        );
    }
    Ok(volume.thin_id.is_none())
}

impl Place {
    /// Finds the device of an active volume.
    pub(crate) fn find(dm: &DeviceMapper, volume: &LogicalVolume) -> anyhow::Result<Self> {
        if !is_thick(volume)? {
            return Ok(Self::Thin(ThinDevice::find(dm, volume)?));
        }
        let device = dm.device(&volume.dm_name)?;
        device
            .map(Self::Thick)
            .ok_or_else(|| anyhow::anyhow!("{} is not active", volume.full_name()))
    }

    /// Opens the device.
    pub(crate) fn open(&self, mode: OpenMode) -> anyhow::Result<Device> {
        match self {
            Self::Thin(thin) => cli::open_thin(thin, mode),
            Self::Thick(device) => cli::open_device(device, mode),
        }
    }

    /// Brings what others left in the page cache to the device, before it is read past that.
    ///
    /// # Errors
    /// As [`cli::write_back`].
    pub(crate) fn write_back(&self, dm: &DeviceMapper, device: &Device) -> anyhow::Result<()> {
        match self {
            Self::Thin(thin) => cli::write_back(dm, thin, device),
            Self::Thick(_) => Ok(device.write_back()?),
        }
    }

    /// What a stream is written to: there is room for all of it.
    ///
    /// # Errors
    /// [`Refusal::NoSpace`] where a pool has too little.
    pub(crate) fn ground(&self, dm: &DeviceMapper, link: &Link) -> anyhow::Result<Ground> {
        let Self::Thin(thin) = self else { return Ok(Ground::plain(link.header())) };
        let pool = thin.pool(dm)?;
        let room = match link.header().undo {
            // What it writes to has been written to already. It must not be stopped.
            true => {
                if let Some(why) = pool.status(dm)?.takes_no_writes() {
                    anyhow::bail!(
                        "pool {} {why}: nothing can be written to its volumes",
                        pool.name
                    );
                }
                Room::default()
            }
            false => space::check(link, &pool, &pool.status(dm)?)?,
        };
        Ok(Ground::of_pool(&pool, room, link))
    }
}

impl Job<'_> {
    /// Proves what a place holds; `name` is for messages.
    pub(crate) fn prove_place(
        &self,
        dm: &DeviceMapper,
        place: &Place,
        device: &Device,
        name: &str,
        link: &Link,
    ) -> anyhow::Result<()> {
        match place {
            Place::Thin(thin) => self.prove(dm, thin, device, name, link),
            Place::Thick(_) => self.prove_path(name, device, link).map(|_| ()),
        }
    }
}
