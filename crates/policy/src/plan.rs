//! [`Plan`]: what stays and what goes, each with its reasons.

use std::fmt;

use crate::{Period, Point};

/// What becomes of each point, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// A decision for each point.
    pub decisions: Vec<Decision>,
}

/// What becomes of a point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The point.
    pub point: Point,
    /// Why it stays; it goes if there is no reason.
    pub reasons: Vec<Reason>,
}

/// Why a point stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing is ever pruned.
    NoRule,
    /// It is the newest one.
    Newest,
    /// It is held.
    Held,
    /// It is pinned.
    Pinned,
    /// It is one of the last two that this place has as well: increments start from there.
    Common(String),
    /// It is this one of the latest, counted from 1.
    Last(u32),
    /// It is not older than this.
    Within(Period),
    /// It is the last one of this hour, day, week, month or year, as text.
    Period(String),
}

impl Plan {
    /// The points that go, the oldest first.
    pub fn removed(&self) -> impl Iterator<Item = &Point> {
        self.decisions.iter().filter(|decision| !decision.stays()).map(|decision| &decision.point)
    }

    /// The points that stay, the oldest first.
    pub fn kept(&self) -> impl Iterator<Item = &Point> {
        self.decisions.iter().filter(|decision| decision.stays()).map(|decision| &decision.point)
    }
}

impl Decision {
    /// Whether the point stays.
    pub fn stays(&self) -> bool {
        !self.reasons.is_empty()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRule => formatter.write_str("no rule to prune by"),
            Self::Newest => formatter.write_str("newest"),
            Self::Held => formatter.write_str("held"),
            Self::Pinned => formatter.write_str("pinned"),
            Self::Common(place) => write!(formatter, "base for {place}"),
            Self::Last(number) => write!(formatter, "last {number}"),
            Self::Within(period) => write!(formatter, "within {period}"),
            Self::Period(text) => formatter.write_str(text),
        }
    }
}
