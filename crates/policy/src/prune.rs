//! [`prune()`]: what stays of a volume's history.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use crate::{Decision, Keep, Plan, Point, Reason};

/// How many of the points that another place has as well always stay: if the last one there turns out to be
/// damaged, the one before it still saves sending everything.
const COMMON: usize = 2;

/// Fewer points than this can go together, even if that is more than half of them: a history that short is
/// no history to lose.
const FEW: usize = 3;

/// Why nothing is pruned.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Stopped {
    /// The clock is wrong, or was when the point was made.
    #[error(
        "the clock says {now}, which is before the newest point, {name} of {at}: nothing is pruned until they agree"
    )]
    ClockBefore {
        /// The newest point.
        name: String,
        /// Its time.
        at: Timestamp,
        /// The clock's time.
        now: Timestamp,
    },
    /// The rules would remove most of the history.
    #[error(
        "{removed} of {all} points would be removed, more than half: nothing is pruned until somebody has looked at the plan"
    )]
    TooMany {
        /// How many would go.
        removed: usize,
        /// How many there are.
        all: usize,
        /// What would have been done.
        plan: Plan,
    },
}

/// The name of the period that a time is in.
type NameOf = fn(DateTime) -> String;

/// Decides which points stay. What hours, days and months are, `zone` says.
///
/// Always stay: the newest point, what is held or pinned, and the last two points that each other place has
/// as well. Without any rule in `keep`, all stay. The points' order plays no part, and pruning once more at
/// the same time removes nothing more.
///
/// # Errors
/// Fails if the clock is before the newest point, or more than half of the points would go: the plan for
/// the second is in the error.
pub fn prune(
    points: &[Point],
    keep: &Keep,
    now: Timestamp,
    zone: &TimeZone,
) -> Result<Plan, Stopped> {
    let mut points = points.to_vec();
    points.sort_by(|one, other| (one.at, &one.name).cmp(&(other.at, &other.name)));
    if let Some(newest) = points.last().filter(|newest| newest.at > now) {
        return Err(Stopped::ClockBefore { name: newest.name.clone(), at: newest.at, now });
    }
    let reasons = reasons(&points, keep, now, zone);
    let decisions =
        points.into_iter().zip(reasons).map(|(point, reasons)| Decision { point, reasons });
    let plan = Plan { decisions: decisions.collect() };
    let (removed, all) = (plan.removed().count(), plan.decisions.len());
    if removed >= FEW && removed > all / 2 {
        return Err(Stopped::TooMany { removed, all, plan });
    }
    Ok(plan)
}

/// Why each point stays. They are in ascending order.
fn reasons(points: &[Point], keep: &Keep, now: Timestamp, zone: &TimeZone) -> Vec<Vec<Reason>> {
    let mut reasons = vec![Vec::new(); points.len()];
    always(points, &mut reasons);
    if keep.is_everything() {
        reasons.iter_mut().for_each(|reasons| reasons.push(Reason::NoRule));
        return reasons;
    }
    let latest = reasons.iter_mut().rev().zip(1..=keep.last);
    latest.for_each(|(reasons, number)| reasons.push(Reason::Last(number)));
    if let Some(period) = keep.within {
        let length = SignedDuration::from_secs(period.seconds().cast_signed());
        for (point, reasons) in points.iter().zip(&mut reasons) {
            if now.duration_since(point.at) <= length {
                reasons.push(Reason::Within(period));
            }
        }
    }
    let times: Vec<_> = points.iter().map(|point| zone.to_datetime(point.at)).collect();
    let rules: [(u32, NameOf); 5] = [
        (keep.hourly, |time| format!("hour {}", time.strftime("%Y-%m-%d %H:00"))),
        (keep.daily, |time| format!("day {}", time.date())),
        (keep.weekly, |time| {
            let week = time.date().iso_week_date();
            format!("week {}-W{:02}", week.year(), week.week())
        }),
        (keep.monthly, |time| format!("month {}", time.strftime("%Y-%m"))),
        (keep.yearly, |time| format!("year {}", time.year())),
    ];
    for (count, name) in rules {
        periods(&times, count, name, &mut reasons);
    }
    reasons
}

/// What no rule can take away.
fn always(points: &[Point], reasons: &mut [Vec<Reason>]) {
    if let Some(reasons) = reasons.last_mut() {
        reasons.push(Reason::Newest);
    }
    let mut common: BTreeMap<&str, usize> = BTreeMap::new();
    for (point, reasons) in points.iter().zip(reasons).rev() {
        if point.is_held {
            reasons.push(Reason::Held);
        }
        if point.is_pinned {
            reasons.push(Reason::Pinned);
        }
        for place in &point.common {
            let seen = common.entry(place).or_default();
            if *seen < COMMON {
                reasons.push(Reason::Common(place.clone()));
            }
            *seen += 1;
        }
    }
}

/// Keeps the last point in each of the latest periods that have any.
fn periods(times: &[DateTime], count: u32, name: NameOf, reasons: &mut [Vec<Reason>]) {
    let mut before = None;
    let mut left = count;
    for (time, reasons) in times.iter().zip(reasons).rev() {
        let period = name(*time);
        if before.as_ref() == Some(&period) {
            continue;
        }
        if left == 0 {
            return;
        }
        left -= 1;
        reasons.push(Reason::Period(period.clone()));
        before = Some(period);
    }
}
