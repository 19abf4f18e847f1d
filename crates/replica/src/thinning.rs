//! [`thinning`]: which points on this side go.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use policy::{Keep, Plan, Point, Stopped, prune};

use crate::points::LocalPoint;

/// Which of these points stay, and why. `places` are the sides that have copies, each with the UUIDs of the points of
/// which it has one.
///
/// # Errors
/// If the clock or the rules cannot be right.
pub fn thinning(
    points: &[LocalPoint],
    places: &[(String, Vec<String>)],
    keep: &Keep,
    now: Timestamp,
) -> Result<Plan, Stopped> {
    let common = |uuid: &String| {
        let has_it = places.iter().filter(|(_, sources)| sources.contains(uuid));
        has_it.map(|(place, _)| place.clone()).collect()
    };
    let all: Vec<_> = points
        .iter()
        .map(|point| Point {
            common: common(&point.volume.uuid),
            ..Point::new(&point.volume.uuid, point.at)
        })
        .collect();
    prune(&all, keep, now, &TimeZone::system())
}

/// Removes the points that go; yields their names. What cannot be removed is a warning, and the next run's.
pub fn remove_thinned(points: &[LocalPoint], plan: &Plan) -> Vec<String> {
    let goes = |point: &&LocalPoint| plan.removed().any(|gone| gone.name == point.volume.uuid);
    let mut removed = Vec::new();
    for point in points.iter().filter(goes) {
        let name = point.volume.full_name();
        match point.volume.remove() {
            Ok(()) => removed.push(name),
            Err(error) => log::warn!("{name} stays: {error}"),
        }
    }
    removed
}
