//! What stays, for histories that come up in practice and for any others.

use std::collections::BTreeSet;

use jiff::tz::{self, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};
use policy::{Keep, Period, Plan, Point, Reason, Stopped, prune};
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.kept().map(|point| point.name.as_str()).collect()
}

/// A point each night at 22:30, the last one in the night before `now`.
fn nights(count: i64) -> Vec<Point> {
    let last = at("2026-11-25T22:30:00Z");
    let point = |night: i64| {
        let at = last - (24 * (count - 1 - night)).hours();
        Point::new(at.strftime("%Y-%m-%d").to_string(), at)
    };
    (0..count).map(point).collect()
}

const NOW: &str = "2026-11-26T07:00:00Z";

#[test]
fn a_year_of_nights_thins_out() {
    let keep = Keep { daily: 7, weekly: 4, monthly: 3, yearly: 1, ..Keep::default() };
    let Err(Stopped::TooMany { removed, all, plan }) =
        prune(&nights(365), &keep, at(NOW), &TimeZone::UTC)
    else {
        panic!("most of a year goes at once");
    };
    // The last point of a week is Sunday's, of a month its last day's; the latest ones are still running.
    let expected = [
        "2026-09-30",
        "2026-10-31",
        "2026-11-08",
        "2026-11-15",
        "2026-11-19",
        "2026-11-20",
        "2026-11-21",
        "2026-11-22",
        "2026-11-23",
        "2026-11-24",
        "2026-11-25",
    ];
    assert_eq!(names(&plan), expected);
    assert_eq!((removed, all), (365 - expected.len(), 365));
}

#[test]
fn nights_pruned_one_by_one_leave_what_all_at_once_leave() {
    let keep = Keep { last: 2, daily: 5, weekly: 3, monthly: 4, yearly: 2, ..Keep::default() };
    let mut points: Vec<Point> = Vec::new();
    for point in nights(800) {
        let now = point.at;
        points.push(point);
        points = prune(&points, &keep, now, &TimeZone::UTC).unwrap().kept().cloned().collect();
    }
    let Err(Stopped::TooMany { plan, .. }) = prune(&nights(800), &keep, at(NOW), &TimeZone::UTC)
    else {
        panic!("most of two years goes at once");
    };
    let left: Vec<_> = points.iter().map(|point| point.name.as_str()).collect();
    assert_eq!(left, names(&plan));
}

#[test]
fn a_day_is_the_zone_s_day() {
    let points =
        [Point::new("a", at("2026-11-24T22:30:00Z")), Point::new("b", at("2026-11-24T23:30:00Z"))];
    let keep = Keep { daily: 2, ..Keep::default() };
    let kept = |zone| names(&prune(&points, &keep, at(NOW), &zone).unwrap()).len();
    assert_eq!(kept(TimeZone::UTC), 1);
    // Midnight is between them there.
    assert_eq!(kept(TimeZone::fixed(tz::offset(1))), 2);
}

#[test]
fn what_increments_start_from_stays() {
    let mut points = nights(5);
    for point in &mut points[..3] {
        point.common.push("b".into());
    }
    points[0].common.push("c".into());
    let keep = Keep { last: 1, ..Keep::default() };
    let plan = prune(&points, &keep, at(NOW), &TimeZone::UTC).unwrap();
    let reasons: Vec<_> = plan.decisions.iter().map(|decision| &decision.reasons[..]).collect();
    assert_eq!(
        reasons,
        [
            &[Reason::Common("c".into())][..],
            &[Reason::Common("b".into())],
            &[Reason::Common("b".into())],
            &[],
            &[Reason::Newest, Reason::Last(1)],
        ]
    );
}

#[test]
fn a_clock_that_was_set_back_stops() {
    let error = prune(&nights(3), &Keep::default(), at("2026-11-25T22:29:59Z"), &TimeZone::UTC);
    let Err(error @ Stopped::ClockBefore { .. }) = error else { panic!("{error:?}") };
    assert_eq!(
        error.to_string(),
        "the clock says 2026-11-25T22:29:59Z, which is before the newest point, 2026-11-25 of \
         2026-11-25T22:30:00Z: nothing is pruned until they agree"
    );
}

#[test]
fn half_may_go_and_more_may_not() {
    let keep = Keep { last: 5, ..Keep::default() };
    assert_eq!(names(&prune(&nights(10), &keep, at(NOW), &TimeZone::UTC).unwrap()).len(), 5);
    let error = prune(&nights(11), &keep, at(NOW), &TimeZone::UTC);
    assert!(matches!(error, Err(Stopped::TooMany { removed: 6, all: 11, .. })), "{error:?}");
    // Two of three are no history.
    let keep = Keep { last: 1, ..Keep::default() };
    assert_eq!(names(&prune(&nights(3), &keep, at(NOW), &TimeZone::UTC).unwrap()), ["2026-11-25"]);
}

#[test]
fn without_rules_all_stay() {
    let plan = prune(&nights(100), &Keep::default(), at(NOW), &TimeZone::UTC).unwrap();
    assert_eq!(plan.removed().count(), 0);
}

/// Any history: points up to five years old, several of them in a minute now and then.
fn points() -> impl Strategy<Value = Vec<Point>> {
    let common = prop::collection::vec(prop::sample::select(vec!["x", "y"]), 0..2);
    let point =
        (0_i64..5 * 366 * 24 * 60, common, prop::bool::weighted(0.1), prop::bool::weighted(0.1));
    prop::collection::vec(point, 0..60).prop_map(|all| {
        let points = all.into_iter().enumerate();
        let point =
            |(number, (minutes, common, is_held, is_pinned)): (usize, (i64, Vec<&str>, _, _))| {
                Point {
                    common: common.into_iter().map(str::to_owned).collect(),
                    is_held,
                    is_pinned,
                    ..Point::new(format!("p{number}"), at(NOW) - SignedDuration::from_mins(minutes))
                }
            };
        points.map(point).collect()
    })
}

fn keep() -> impl Strategy<Value = Keep> {
    let within = prop::option::of((0_u64..1 << 25).prop_map(Period::from_seconds));
    (0_u32..5, within, 0_u32..5, 0_u32..9, 0_u32..6, 0_u32..14, 0_u32..4).prop_map(
        |(last, within, hourly, daily, weekly, monthly, yearly)| Keep {
            last,
            within,
            hourly,
            daily,
            weekly,
            monthly,
            yearly,
        },
    )
}

/// The plan, whether it is carried out or not.
fn plan(points: &[Point], keep: &Keep) -> Plan {
    match prune(points, keep, at(NOW), &TimeZone::UTC) {
        Ok(plan) | Err(Stopped::TooMany { plan, .. }) => plan,
        Err(error) => panic!("{error}"),
    }
}

proptest! {
    #[test]
    fn what_must_stay_stays(points in points(), keep in keep()) {
        let plan = plan(&points, &keep);
        let kept: BTreeSet<_> = plan.kept().map(|point| point.name.clone()).collect();
        let mut sorted: Vec<_> = points.iter().collect();
        sorted.sort_by_key(|point| std::cmp::Reverse((point.at, &point.name)));
        if let Some(newest) = sorted.first() {
            prop_assert!(kept.contains(&newest.name));
        }
        for point in &points {
            let is_within = keep.within.is_some_and(|within| {
                at(NOW).as_second() - point.at.as_second() <= within.seconds() as i64
            });
            if point.is_held || point.is_pinned || is_within {
                prop_assert!(kept.contains(&point.name));
            }
        }
        for place in ["x", "y"] {
            let common = sorted.iter().filter(|point| point.common.iter().any(|other| other == place));
            prop_assert!(common.take(2).all(|point| kept.contains(&point.name)));
        }
        prop_assert!(sorted.iter().take(keep.last as usize).all(|point| kept.contains(&point.name)));
        // A month that a rule reaches still has a point.
        let month = |point: &Point| point.at.strftime("%Y-%m").to_string();
        let months: BTreeSet<_> = points.iter().map(month).collect();
        let left: BTreeSet<_> = plan.kept().map(month).collect();
        prop_assert!(months.iter().rev().take(keep.monthly as usize).all(|month| left.contains(month)));
    }

    #[test]
    fn pruning_again_removes_nothing(points in points(), keep in keep()) {
        let first = plan(&points, &keep);
        let kept: Vec<_> = first.kept().cloned().collect();
        let again = plan(&kept, &keep);
        prop_assert_eq!(again.kept().cloned().collect::<Vec<_>>(), kept);
    }

    #[test]
    fn the_order_of_points_plays_no_part(points in points(), keep in keep(), seed in any::<u64>()) {
        let mut shuffled = points.clone();
        let length = shuffled.len().max(1);
        for place in 0..shuffled.len() {
            shuffled.swap(place, (seed as usize).wrapping_mul(place + 1) % length);
        }
        prop_assert_eq!(plan(&points, &keep), plan(&shuffled, &keep));
    }

    #[test]
    fn a_rule_more_never_removes_more(points in points(), one in keep(), other in keep()) {
        prop_assume!(!one.is_everything());
        let more = Keep {
            last: one.last.max(other.last),
            within: one.within.max(other.within),
            hourly: one.hourly.max(other.hourly),
            daily: one.daily.max(other.daily),
            weekly: one.weekly.max(other.weekly),
            monthly: one.monthly.max(other.monthly),
            yearly: one.yearly.max(other.yearly),
        };
        let names = |plan: &Plan| plan.kept().map(|point| point.name.clone()).collect::<BTreeSet<_>>();
        prop_assert!(names(&plan(&points, &one)).is_subset(&names(&plan(&points, &more))));
    }
}
