//! [`LocalTime`]: when another tool's stream was made.

use std::fmt;

/// When a stream was made, by the wall clock of the machine that made it. The format does not say the time
/// zone, so it can be compared only with other times of the same clock.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LocalTime(String);

impl LocalTime {
    /// Parses `2026-11-25T22:34:00`, with or without a fraction of a second. A time zone is not accepted: that
    /// would be another kind of time.
    pub fn parse(text: &str) -> Option<Self> {
        const PATTERN: &[u8] = b"0000-00-00T00:00:00";
        let (seconds, fraction) = text.as_bytes().split_at_checked(PATTERN.len())?;
        let fits = |(byte, pattern): (&u8, &u8)| match pattern {
            b'0' => byte.is_ascii_digit(),
            other => byte == other,
        };
        let digits = |digits: &[u8]| digits.len() <= 9 && digits.iter().all(u8::is_ascii_digit);
        let is_fraction = match fraction {
            [] => true,
            [b'.', rest @ ..] => !rest.is_empty() && digits(rest),
            _ => false,
        };
        (seconds.iter().zip(PATTERN).all(fits) && is_fraction).then(|| Self(text.into()))
    }

    /// The time to the second, for people and tables.
    pub fn seconds(&self) -> &str {
        self.0.get(..19).unwrap_or_default()
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_time_has_no_zone() {
        for text in ["2026-11-25T22:34:00", "2026-11-25T22:34:00.631188"] {
            let time = LocalTime::parse(text).unwrap();
            assert_eq!((time.to_string().as_str(), time.seconds()), (text, "2026-11-25T22:34:00"));
        }
        for text in [
            "",
            "2026-11-25",
            "2026-11-25 22:34:00",
            "2026-11-25T22:34:00Z",
            "2026-11-25T22:34:00+01:00",
            "2026-11-25T22:34:00.",
            "2026-11-25T22:34:00.1234567890",
            "2026-11-25T22:34:0\u{e9}",
            "2026-11-25T22:34:00\u{1b}[2J",
        ] {
            assert_eq!(LocalTime::parse(text), None, "{text:?}");
        }
    }
}
