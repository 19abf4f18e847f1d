//! [`Until`]: where to end a chain of streams early.

use flow::{Refusal, WayOut};
use foreign::Foreign;
use hyperlayer::{Header, Identity};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// After which stream to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// The stream whose volume has this name or UUID, or which leads to this checkpoint.
    Volume(String),
    /// The last one made no later than this.
    Time(Time),
}

/// A time to stop at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Time {
    /// In seconds since 1970.
    seconds: u64,
    /// As this machine's clock shows it, `2026-11-21T03:00:00`, if it was given without a time zone: times that other
    /// tools keep are compared with that.
    local: Option<String>,
}

/// The clock that a stream's time was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    Utc,
    Local,
}

impl Until {
    /// Reads a date (which means its end) or a time, `2026-11-21`, `2026-11-21 03:00` or `2026-11-21T03:00:00`, by this
    /// machine's clock, or a time with a zone, `2026-11-21T03:00:00Z`; everything else is a name or a UUID.
    ///
    /// # Errors
    /// Says what is wrong with the time.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::parse_in(text, &TimeZone::system())
    }

    fn parse_in(text: &str, zone: &TimeZone) -> Result<Self, String> {
        if text.is_empty() {
            return Err("it is empty".into());
        }
        if let (10, Ok(date)) = (text.len(), text.parse::<Date>()) {
            let end = date.tomorrow().map_err(|error| error.to_string())?;
            return Time::of(end.at(0, 0, 0, 0), -1, zone).map(Self::Time);
        }
        // No volume's name and no UUID contains a colon.
        if !text.contains(':') {
            return Ok(Self::Volume(text.into()));
        }
        if let Ok(time) = text.parse::<Timestamp>() {
            return Ok(Self::Time(Time { seconds: since_1970(time)?, local: None }));
        }
        let time = text.parse::<DateTime>().map_err(|error| {
            format!(
                "{error}: expected a time like 2026-11-21, 2026-11-21 03:00 or 2026-11-21T03:00:00Z"
            )
        })?;
        Time::of(time, 0, zone).map(Self::Time)
    }

    /// Whether the chain ends after this stream.
    pub(crate) fn is_reached(&self, header: &Header) -> bool {
        let Self::Volume(volume) = self else { return false };
        let Identity { disk, checkpoint, .. } = &header.identity;
        let is_checkpoint = checkpoint == volume || *volume == format!("{disk}/{checkpoint}");
        header.target.name == *volume
            || header.target.uuid == *volume
            || (is_checkpoint && !checkpoint.is_empty())
    }
}

fn since_1970(time: Timestamp) -> Result<u64, String> {
    u64::try_from(time.as_second()).map_err(|_| "it is before 1970".into())
}

impl Time {
    /// A time by the clock of a zone, plus some seconds.
    fn of(time: DateTime, later: i64, zone: &TimeZone) -> Result<Self, String> {
        let of = || zone.to_timestamp(time)?.checked_add(Span::new().try_seconds(later)?);
        let time = of().map_err(|error: jiff::Error| error.to_string())?;
        let local = zone.to_datetime(time).strftime("%Y-%m-%dT%H:%M:%S").to_string();
        Ok(Self { seconds: since_1970(time)?, local: Some(local) })
    }

    /// In seconds since 1970.
    pub fn seconds(&self) -> u64 {
        self.seconds
    }

    /// Whether it was given without a time zone.
    pub(crate) fn has_no_zone(&self) -> bool {
        self.local.is_some()
    }

    /// Whether a stream was made later than this, and by which clock; messages call it `name`.
    ///
    /// # Errors
    /// If the stream has no time, or one that cannot be compared with this time.
    pub(crate) fn compare(
        &self,
        name: &str,
        header: &Header,
        foreign: Option<&Foreign>,
    ) -> Result<(Clock, bool), Refusal> {
        let Some(foreign) = foreign else {
            return Ok((Clock::Utc, header.created > self.seconds));
        };
        let format = foreign.format;
        let Some(made) = &foreign.made else {
            return Err(Refusal::usage(format!(
                "{name}: a stream of {format} that does not say when it was made, so it is unknown \
                 whether that is later than the time to stop at"
            ))
            .but(WayOut::LeaveOutEnd));
        };
        match &self.local {
            Some(local) => Ok((Clock::Local, made.seconds() > local.as_str())),
            None => Err(Refusal::usage(format!(
                "{name}: a stream of {format} says when it was made in local time without a time \
                 zone ({made}), which cannot be compared with a time in UTC"
            ))
            .but(WayOut::StopAtLocalTime)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_local_unless_it_says_more() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        for (text, seconds, local) in [
            ("2026-11-21T03:00:00Z", 1_795_230_000, None),
            ("2026-11-21 03:00:00Z", 1_795_230_000, None),
            ("2026-11-21T03:00:00.9Z", 1_795_230_000, None),
            ("2026-11-21T05:00:00+02:00", 1_795_230_000, None),
            ("2026-11-21T05:00:00", 1_795_230_000, Some("2026-11-21T05:00:00")),
            ("2026-11-21 05:00", 1_795_230_000, Some("2026-11-21T05:00:00")),
            ("2026-11-21", 1_795_298_399, Some("2026-11-21T23:59:59")),
        ] {
            let time = Time { seconds, local: local.map(Into::into) };
            assert_eq!(Until::parse_in(text, &zone), Ok(Until::Time(time)), "{text}");
        }
        for name in ["mon", "2026-11", "2026-11-21-snap", "2026-11-32"] {
            assert_eq!(Until::parse(name), Ok(Until::Volume(name.into())));
        }
        for wrong in ["", "03:00", "1969-12-31T23:59:59Z", "2026-11-21 25:00"] {
            assert!(Until::parse(wrong).is_err(), "{wrong}");
        }
    }
}
