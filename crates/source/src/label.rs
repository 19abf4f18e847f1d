//! [`Label`]: what a volume is known by.

use lvm::LogicalVolume;
use thinmeta::ThinId;

/// What a volume is known by, as far as its source says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// `vg/lv`; a volume in files has no name.
    pub name: Option<String>,
    /// LVM's.
    pub uuid: Option<String>,
    /// Only a thin volume has one.
    pub thin_id: Option<u32>,
}

impl From<&LogicalVolume> for Label {
    fn from(volume: &LogicalVolume) -> Self {
        let (name, uuid) = (Some(volume.full_name()), Some(volume.uuid.clone()));
        Self { name, uuid, thin_id: volume.thin_id }
    }
}

impl From<ThinId> for Label {
    fn from(id: ThinId) -> Self {
        Self { name: None, uuid: None, thin_id: Some(id.get()) }
    }
}
