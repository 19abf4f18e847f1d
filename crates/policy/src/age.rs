//! [`Limits`]: when a copy is too old.

use std::fmt;

use jiff::Timestamp;

use crate::Period;

/// From which age on a copy is late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Someone should look.
    pub warn: Option<Period>,
    /// Someone must act.
    pub crit: Option<Period>,
}

/// How old a copy is, and what that means. The later ones are worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Age {
    /// As it should be.
    Fresh,
    /// Older than the first limit, or made by a clock that is ahead.
    Late,
    /// Older than the second limit, or there is none.
    TooLate,
}

impl Limits {
    /// How old a copy is that was last renewed at `last`, if ever.
    pub fn age(&self, last: Option<Timestamp>, now: Timestamp) -> Age {
        let Some(last) = last else { return Age::TooLate };
        let seconds = now.duration_since(last).as_secs();
        let Ok(seconds) = u64::try_from(seconds) else { return Age::Late };
        let reached = |limit: Option<Period>| limit.is_some_and(|limit| seconds > limit.seconds());
        match () {
            () if reached(self.crit) => Age::TooLate,
            () if reached(self.warn) => Age::Late,
            () => Age::Fresh,
        }
    }
}

impl fmt::Display for Age {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Fresh => "ok",
            Self::Late => "warning",
            Self::TooLate => "critical",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn an_age_is_held_to_both_limits() {
        let limits =
            Limits { warn: Some(Period::from_seconds(10)), crit: Some(Period::from_seconds(20)) };
        let ages = [0, 10, 11, 20, 21].map(|age| limits.age(Some(at(1000)), at(1000 + age)));
        assert_eq!(ages, [Age::Fresh, Age::Fresh, Age::Late, Age::Late, Age::TooLate]);
        assert_eq!(limits.age(None, at(0)), Age::TooLate);
        assert_eq!(limits.age(Some(at(1001)), at(1000)), Age::Late);
        assert_eq!(Limits::default().age(Some(at(0)), at(1 << 35)), Age::Fresh);
        let only = Limits { warn: None, crit: Some(Period::from_seconds(1)) };
        assert_eq!(only.age(Some(at(0)), at(2)), Age::TooLate);
    }
}
