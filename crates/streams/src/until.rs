//! [`Until`]: where to end a chain of streams early.

use std::time::SystemTime;

use flow::{Refusal, WayOut};
use foreign::Foreign;
use hyperlayer::{Header, Identity};

/// After which stream to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// The stream whose volume has this name or UUID, or which leads to this checkpoint.
    Volume(String),
    /// The last one made no later than this.
    Time(Time),
}

/// A time of the form `2026-11-21T03:00:00Z`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Time {
    /// In seconds since 1970, if it is UTC.
    seconds: u64,
    /// As it was written, without a Z: it may be local time as well.
    local: Option<String>,
}

/// The clock that a stream's time was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    Utc,
    Local,
}

impl Until {
    /// Reads a time of the form `2026-11-21T03:00:00Z`, with a space in place of the T, or
    /// without the Z, in UTC; everything else is a name or a UUID.
    ///
    /// # Errors
    /// What is wrong with the time.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("it is empty".into());
        }
        // No volume's name and no UUID contains a colon.
        if !text.contains(':') {
            return Ok(Self::Volume(text.into()));
        }
        let time = humantime::parse_rfc3339_weak(text)
            .map_err(|error| format!("{error}: expected a time like 2026-11-21T03:00:00Z"))?;
        let since = time.duration_since(SystemTime::UNIX_EPOCH);
        let seconds = since.map_err(|_| "it is before 1970")?.as_secs();
        let has_zone = text.ends_with(['Z', 'z']);
        let local = text.get(..19).filter(|_| !has_zone).map(|text| text.replace(' ', "T"));
        Ok(Self::Time(Time { seconds, local }))
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

impl Time {
    /// Whether it may be UTC or local time.
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
                "{name}: a stream of {format} that does not say when it was made, so nobody knows \
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
    fn a_time_has_colons() {
        let local = Some("2026-11-21T03:00:00");
        for (text, local) in [
            ("2026-11-21T03:00:00Z", None),
            ("2026-11-21 03:00:00", local),
            ("2026-11-21T03:00:00", local),
            ("2026-11-21T03:00:00.9Z", None),
            ("2026-11-21T03:00:00.9", local),
        ] {
            let time = Time { seconds: 1_795_230_000, local: local.map(Into::into) };
            assert_eq!(Until::parse(text), Ok(Until::Time(time)), "{text}");
        }
        assert_eq!(Until::parse("2026-11-21"), Ok(Until::Volume("2026-11-21".into())));
        assert!(Until::parse("").is_err());
        assert!(Until::parse("03:00").is_err());
        assert!(Until::parse("1969-12-31T23:59:59Z").is_err());
    }
}
