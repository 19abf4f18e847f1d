//! [`Until`]: where a chain of streams ends before its end.

use std::time::SystemTime;

use hyperlayer::Header;

/// After which stream to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// The one whose volume has this name or UUID.
    Volume(String),
    /// The last that was made no later than this, in seconds since 1970.
    Time(u64),
}

impl Until {
    /// Reads a time of the form `2026-11-21T03:00:00Z`, with a space in place of the T, or
    /// without the Z, in UTC; everything else is a name or a UUID.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("it is empty".into());
        }
        // A colon is in no volume's name and in no UUID.
        if !text.contains(':') {
            return Ok(Self::Volume(text.into()));
        }
        let time = humantime::parse_rfc3339_weak(text)
            .map_err(|error| format!("{error}: expected a time like 2026-11-21T03:00:00Z"))?;
        let since = time.duration_since(SystemTime::UNIX_EPOCH);
        Ok(Self::Time(since.map_err(|_| "it is before 1970")?.as_secs()))
    }

    /// Whether this stream is behind the end already.
    pub(crate) fn is_past(&self, header: &Header) -> bool {
        matches!(self, Self::Time(time) if header.created > *time)
    }

    /// Whether the chain ends after this stream.
    pub(crate) fn is_reached(&self, header: &Header) -> bool {
        let Self::Volume(volume) = self else { return false };
        header.target.name == *volume || header.target.uuid == *volume
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_colons() {
        let time = Until::Time(1_795_230_000);
        for text in ["2026-11-21T03:00:00Z", "2026-11-21 03:00:00", "2026-11-21T03:00:00.9Z"] {
            assert_eq!(Until::parse(text), Ok(time.clone()), "{text}");
        }
        assert_eq!(Until::parse("2026-11-21"), Ok(Until::Volume("2026-11-21".into())));
        assert!(Until::parse("").is_err());
        assert!(Until::parse("03:00").is_err());
        assert!(Until::parse("1969-12-31T23:59:59Z").is_err());
    }
}
