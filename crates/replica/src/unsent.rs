//! Points of which no copy is known: their streams ended early.

use peer::Copy;

use crate::points::LocalPoint;
use crate::tag;

/// Notes that no copy of a point is known, so that a later push decides about it.
pub(crate) fn mark(point: &LocalPoint) {
    if tag::is_unsent(&point.volume) {
        return;
    }
    if let Err(error) = point.volume.retag(&[tag::UNSENT.into()], &[]) {
        log::warn!("{} has not got the tag {}: {error}", point.volume.full_name(), tag::UNSENT);
    }
}

/// Removes those of the points that have no copy; the others are points like any. Yields those that
/// have one, or may have. What cannot be done is a warning, and the next push's.
pub(crate) fn settle(points: Vec<LocalPoint>, copies: &[Copy]) -> Vec<LocalPoint> {
    points
        .into_iter()
        .filter(|point| !tag::is_unsent(&point.volume) || stays(point, copies))
        .collect()
}

fn stays(point: &LocalPoint, copies: &[Copy]) -> bool {
    let name = point.volume.full_name();
    let has_copy = copies.iter().any(|copy| copy.source == point.volume.uuid);
    if has_copy {
        if let Err(error) = point.volume.retag(&[], &[tag::UNSENT.into()]) {
            log::warn!("{name} keeps the tag {}: {error}", tag::UNSENT);
        }
        return true;
    }
    match point.volume.remove() {
        Ok(()) => log::info!("{name} is removed: no copy of it was completed"),
        Err(error) => log::warn!("{name} stays: {error}"),
    }
    false
}
