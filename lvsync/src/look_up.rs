//! [`look_up`]: the volumes of names.

use flow::usage;
use lvm::{LogicalVolume, Scope, VolumeName};

/// The thin volumes of these names.
pub(crate) fn look_up(names: &[String]) -> anyhow::Result<Vec<LogicalVolume>> {
    let names = names.iter().map(|name| VolumeName::parse(name)).collect::<Result<Vec<_>, _>>()?;
    let scope = Scope::default();
    let volumes = VolumeName::candidates(&names.iter().collect::<Vec<_>>(), &scope)?;
    let mut found: Vec<LogicalVolume> = Vec::new();
    for name in &names {
        let volume = name.find(&volumes, &scope)?;
        if volume.thin_id.is_none() {
            return Err(usage(format!(
                "{} is not a thin volume: its segment type is {}",
                volume.full_name(),
                volume.segment_type
            )));
        }
        if found.iter().any(|other| other.uuid == volume.uuid) {
            return Err(usage(format!("{} is named twice", volume.full_name())));
        }
        found.push(volume.clone());
    }
    Ok(found)
}
