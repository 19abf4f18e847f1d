//! What `lvs` reports, as JSON.

use std::collections::BTreeSet;

use lvm::LogicalVolume;

/// Takes the input for the report.
pub fn run(input: &[u8]) {
    let Ok(volumes) = LogicalVolume::from_json(input) else { return };
    let known: BTreeSet<_> = volumes.iter().map(|volume| &volume.uuid).collect();
    assert_eq!(known.len(), volumes.len(), "a volume is there twice");
}
