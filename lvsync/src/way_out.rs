//! [`way_out`]: what leads out of an error.

use replica::{IsPromoted, NoBase, Occupied};

use crate::verify;

/// What to do about an error, if this program can do it.
pub(crate) fn way_out(error: &anyhow::Error) -> Option<String> {
    if error.is::<NoBase>() {
        return Some("--full does that".into());
    }
    if error.is::<Occupied>() {
        return Some("--overwrite replaces whatever is there".into());
    }
    let Some(promoted) = error.downcast_ref::<IsPromoted>() else { return verify::way_out(error) };
    Some(format!(
        "if that volume is to go on after all, `lvsync promote --release {}` on this side allows it",
        promoted.copy
    ))
}
