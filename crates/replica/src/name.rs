//! [`PointName`]: what a point and its copies are called.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// What stands between the volume's name and the time.
const BETWEEN: &str = ".sync.";
const TIME: &str = "%Y%m%dT%H%M%SZ";

/// The name of a point: the volume's, and the time in whole seconds, UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointName {
    volume: String,
    at: Timestamp,
}

impl PointName {
    /// The name of a point of this volume.
    pub fn new(volume: &str, at: Timestamp) -> Self {
        let at = Timestamp::from_second(at.as_second()).unwrap_or(at);
        Self { volume: volume.into(), at }
    }

    /// Reads a name; none if it is no point's.
    pub fn parse(text: &str) -> Option<Self> {
        let (volume, time) = text.rsplit_once(BETWEEN)?;
        let time = DateTime::strptime(TIME, time).ok()?;
        let at = TimeZone::UTC.to_timestamp(time).ok()?;
        let name = Self { volume: volume.into(), at };
        // Only what is written like that: strptime takes other forms as well.
        (!volume.is_empty() && name.to_string() == text).then_some(name)
    }

    /// The volume's name, without its group.
    pub fn volume(&self) -> &str {
        &self.volume
    }

    /// When the point was taken.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

impl fmt::Display for PointName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{BETWEEN}{}", self.volume, self.at.strftime(TIME))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn other_names_are_no_points() {
        for text in [
            "vol0",
            "vol0.sync.",
            "vol0.sync.2026",
            ".sync.20261125T223000Z",
            "vol0.sync.20261125T223000",
            "vol0.sync.20261325T223000Z",
            "vol0.sync.20261125T223000Z.part",
            "vol0.sync. 20261125T223000Z",
            "vol0sync20261125T223000Z",
        ] {
            assert_eq!(PointName::parse(text), None, "{text}");
        }
        let nested = PointName::parse("a.sync.b.sync.20261125T223000Z").unwrap();
        assert_eq!(nested.volume(), "a.sync.b");
    }

    proptest! {
        #[test]
        fn a_name_says_what_it_was_made_of(volume in "[a-z0-9+_.][a-z0-9+_.-]{0,20}", at in 0_i64..4_000_000_000) {
            let name = PointName::new(&volume, Timestamp::from_second(at).unwrap());
            let read = PointName::parse(&name.to_string()).unwrap();
            prop_assert_eq!((read.volume(), read.at().as_second()), (volume.as_str(), at));
        }
    }
}
