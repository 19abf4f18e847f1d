//! [`thinning`]: which points on this side go.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use peer::Copy;
use policy::{Keep, Plan, Point, Stopped, prune};

use crate::points::LocalPoint;
use crate::tag;

/// Which of these points stay, and why. `places` are the sides that have copies, each with the UUIDs of the points of
/// which it has one. Other sides that have copies are known by the points' tags: what they need stays as well, although
/// nobody has asked them.
///
/// # Errors
/// If the clock or the rules cannot be right.
pub fn thinning(
    points: &[LocalPoint],
    places: &[(String, Vec<String>)],
    keep: &Keep,
    now: Timestamp,
) -> Result<Plan, Stopped> {
    let common = |point: &LocalPoint| -> Vec<String> {
        let has_it = places.iter().filter(|(_, sources)| sources.contains(&point.volume.uuid));
        let asked = has_it.map(|(place, _)| place.clone());
        let noted = tag::places(&point.volume).map(|pool| format!("the pool with UUID {pool}"));
        asked.chain(noted).collect()
    };
    let all: Vec<_> = points
        .iter()
        .map(|point| Point { common: common(point), ..Point::new(&point.volume.uuid, point.at) })
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

/// Notes that a pool has a copy of a point, so that no push to another one removes it while it is needed there. That it
/// cannot be noted is a warning.
pub(crate) fn note_copy(point: &LocalPoint, copy: &Copy) {
    let noted = with_copy(point.clone(), &copy.pool);
    if noted == *point {
        return;
    }
    let tag = tag::of_place_with_copy(&copy.pool);
    if let Err(error) = point.volume.retag(&[tag], &[]) {
        log::warn!("{} has not got the tag of its copy: {error}", point.volume.full_name());
    }
}

/// The point as it is once it is noted that the pool with this UUID has a copy of it.
pub fn with_copy(mut point: LocalPoint, pool: &str) -> LocalPoint {
    let tag = tag::of_place_with_copy(pool);
    if tag::is_uuid(pool) && !point.volume.tags.contains(&tag) {
        point.volume.tags.push(tag);
    }
    point
}

#[cfg(test)]
mod tests {
    use lvm::LogicalVolume;

    use super::*;
    use crate::testing::volume;

    fn point(name: &str, at: i64, tags: &[String]) -> LocalPoint {
        let volume = LogicalVolume { tags: tags.to_vec(), ..volume(name, &[], None) };
        LocalPoint { volume, at: Timestamp::from_second(at).unwrap() }
    }

    #[test]
    fn what_another_pool_needs_stays() {
        let other = tag::of_place_with_copy("cKI9Ru-wSyt-h0Dw-2yXy-KcTr-0nYh-zFHvAJ");
        let other = [other];
        let points = [
            point("a", 1, &other),
            point("b", 2, &other),
            point("c", 3, &other),
            point("d", 4, &[]),
            point("e", 5, &[]),
        ];
        let here = points[3..].iter().map(|point| point.volume.uuid.clone()).collect();
        let keep = Keep { last: 1, ..Keep::default() };
        let now = Timestamp::from_second(6).unwrap();
        let plan = thinning(&points, &[("here".into(), here)], &keep, now).unwrap();
        let gone: Vec<_> = plan.removed().map(|point| point.name.clone()).collect();
        assert_eq!(gone, [points[0].volume.uuid.clone()]);
    }
}
