//! [`Identity`]: identifies a disk without a UUID, and the checkpoints of its base and target.

use serde::{Deserialize, Serialize};

/// Names for disks that are not logical volumes: an image, an NBD export, a virtual machine's disk. All are
/// empty if the volumes' UUIDs are enough.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The disk's name in the program that manages it: the same in all of its streams. Empty if there is
    /// none.
    pub disk: String,
    /// The state of the disk that the target is, such as a checkpoint's name. Needs a disk.
    pub checkpoint: String,
    /// The state of the disk that the base is. Needs a disk and a base.
    pub base_checkpoint: String,
    /// The digest of a stream that led to the base. Needs a base.
    pub previous: Option<[u8; 32]>,
}

impl Identity {
    /// Checks that a stream, with or without a base, can have it.
    pub(crate) fn validate(&self, has_base: bool) -> Result<(), String> {
        for (what, text) in [
            ("disk", &self.disk),
            ("checkpoint", &self.checkpoint),
            ("base's checkpoint", &self.base_checkpoint),
        ] {
            if text.len() > 255 || text.chars().any(char::is_control) {
                let text: String = text.chars().take(80).collect();
                return Err(format!(
                    "the {what} is {text:?}: expected at most 255 bytes without control characters"
                ));
            }
        }
        let has_checkpoint = !self.checkpoint.is_empty() || !self.base_checkpoint.is_empty();
        if has_checkpoint && self.disk.is_empty() {
            return Err("a checkpoint, but no disk that it belongs to".into());
        }
        let knows_base = !self.base_checkpoint.is_empty() || self.previous.is_some();
        if knows_base && !has_base {
            return Err("the identity of a base, but no base".into());
        }
        Ok(())
    }
}
