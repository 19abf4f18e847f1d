//! [`way_out`]: what leads out of an error.

use flow::{Kind, Refusal};
use replica::{IsPromoted, NoBase, Occupied};

/// What to do about an error, if this program can do it.
pub(crate) fn way_out(error: &anyhow::Error) -> Option<String> {
    if error.is::<NoBase>() {
        return Some("--full does that".into());
    }
    if error.is::<Occupied>() {
        return Some("--overwrite replaces whatever is there".into());
    }
    if let Some(promoted) = error.downcast_ref::<IsPromoted>() {
        return Some(format!(
            "if that volume is to go on after all, `lvsync promote --release {}` on this side allows it",
            promoted.copy
        ));
    }
    let refusal = error.chain().find_map(|cause| cause.downcast_ref::<Refusal>())?;
    (refusal.kind() == Kind::Differs).then(|| {
        "`lvsync repair` replaces it; a copy of another size must be removed on the other side"
            .into()
    })
}
