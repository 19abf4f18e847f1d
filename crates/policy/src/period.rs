//! [`Period`]: a length of time, as users write it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

/// A length of time in whole seconds, written as `90s`, `15m`, `26h`, `7d`, `2w` or several of these, as in
/// `1h30m`. A day has 24 hours, whatever the clocks do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    seconds: u64,
}

/// The units, the largest first.
const UNITS: [(char, u64); 5] =
    [('w', 7 * 24 * 60 * 60), ('d', 24 * 60 * 60), ('h', 60 * 60), ('m', 60), ('s', 1)];

/// Longer ones are mistakes: a thousand years, which every sum of a time and a period can hold.
const LONGEST: u64 = 1000 * 366 * 24 * 60 * 60;

/// Why a text is no period.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotAPeriod {
    /// It is something else.
    #[error("expected a time like 30s, 15m, 26h, 7d, 2w or 1h30m, found {0:?}")]
    Text(String),
    /// It is longer than anyone can mean.
    #[error("{0:?} is more than a thousand years")]
    TooLong(String),
}

impl Period {
    /// This many seconds; no more than a thousand years.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self { seconds: if seconds > LONGEST { LONGEST } else { seconds } }
    }

    /// In seconds.
    pub const fn seconds(self) -> u64 {
        self.seconds
    }
}

impl From<Period> for Duration {
    fn from(period: Period) -> Self {
        Self::from_secs(period.seconds)
    }
}

impl FromStr for Period {
    type Err = NotAPeriod;

    fn from_str(text: &str) -> Result<Self, NotAPeriod> {
        let none = || NotAPeriod::Text(text.into());
        let too_long = || NotAPeriod::TooLong(text.into());
        let mut seconds = 0_u64;
        let mut rest = text;
        // Each unit at most once, the larger before the smaller: `5m2h` is more likely a mistake.
        let mut units = UNITS.iter();
        while !rest.is_empty() {
            let end = rest.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(none)?;
            let (digits, after) = rest.split_at(end);
            let letter = after.chars().next().ok_or_else(none)?;
            let (_, unit) = units.find(|(name, _)| *name == letter).ok_or_else(none)?;
            if digits.is_empty() {
                return Err(none());
            }
            let number: u64 = digits.parse().map_err(|_| too_long())?;
            let part = number.checked_mul(*unit).ok_or_else(too_long)?;
            seconds = seconds.checked_add(part).ok_or_else(too_long)?;
            rest = &after[letter.len_utf8()..];
        }
        match seconds {
            _ if text.is_empty() => Err(none()),
            seconds if seconds > LONGEST => Err(too_long()),
            seconds => Ok(Self { seconds }),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.seconds;
        if rest == 0 {
            return formatter.write_str("0s");
        }
        for (name, unit) in UNITS {
            if rest >= unit {
                write!(formatter, "{}{name}", rest / unit)?;
                rest %= unit;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_write_is_understood() {
        for (text, seconds) in [
            ("0s", 0),
            ("90s", 90),
            ("15m", 900),
            ("26h", 93_600),
            ("7d", 604_800),
            ("2w", 1_209_600),
            ("1h30m", 5400),
            ("1w2d3h4m5s", 788_645),
        ] {
            assert_eq!(text.parse(), Ok(Period { seconds }), "{text}");
        }
    }

    #[test]
    fn what_is_no_period_is_refused() {
        for text in ["", "5", "h", "1.5h", "-1h", "1 h", "5m2h", "1h1h", "1y", "1é", "+1h"] {
            assert_eq!(text.parse::<Period>(), Err(NotAPeriod::Text(text.into())), "{text}");
        }
        for text in ["99999999999999999999s", "9999999w", "18446744073709551615d"] {
            assert_eq!(text.parse::<Period>(), Err(NotAPeriod::TooLong(text.into())), "{text}");
        }
    }

    #[test]
    fn it_is_written_as_it_is_read() {
        for text in ["0s", "1w", "1w1d", "2h30m", "59s", "6d23h59m59s"] {
            assert_eq!(text.parse::<Period>().unwrap().to_string(), text);
        }
        assert_eq!("90s".parse::<Period>().unwrap().to_string(), "1m30s");
    }
}
