//! The ways out of an error, in the words of this command line.

use flow::{Refusal, WayOut};

/// What to do about an error, if an option helps.
pub(crate) fn words(error: &anyhow::Error) -> Option<String> {
    let way_out = error.chain().find_map(|cause| match cause.downcast_ref::<lvm::Error>() {
        Some(lvm::Error::MetadataSnapshotHeld { .. }) => Some(WayOut::ReleaseMetadataSnapshot),
        _ => cause.downcast_ref::<Refusal>()?.way_out(),
    })?;
    let words = match way_out {
        WayOut::NameFolder => "--disk is for the folder that -i names",
        WayOut::NameFiles => "name the files with -i",
        WayOut::NameDisk => "choose one with --disk NAME",
        WayOut::NameVolumes => "add BASE VOLUME for a diff, VOLUME for a full stream",
        WayOut::SaySize => "add --size",
        WayOut::ReleaseMetadataSnapshot => "if it is not in use, --force-release releases it",
        _ => return None,
    };
    Some(words.into())
}
