//! [`Keep`]: what to keep of a volume's history.

use crate::Period;

/// What to keep. Rules add to each other: a point stays if any of them wants it.
///
/// Each of `hourly` to `yearly` wants the last point in each of that many of the latest hours, days, ISO weeks,
/// months or years that have any; empty ones do not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// The latest points, this many of them.
    pub last: u32,
    /// All points that are not older than this.
    pub within: Option<Period>,
    /// One for each of this many hours.
    pub hourly: u32,
    /// One for each of this many days.
    pub daily: u32,
    /// One for each of this many weeks, which begin on Mondays.
    pub weekly: u32,
    /// One for each of this many months.
    pub monthly: u32,
    /// One for each of this many years.
    pub yearly: u32,
}

impl Keep {
    /// Whether there is no rule at all, so that nothing is ever pruned.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}
