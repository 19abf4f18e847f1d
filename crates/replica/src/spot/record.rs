//! [`Record`]: what a device or an image is a copy of.

use std::fmt;

use crate::tag::is_uuid;

/// What the text begins with.
const BEGIN: &str = "lvsync";

/// What a device or an image is a copy of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// The UUID of the volume.
    pub(super) of: String,
    /// The UUID of its point; none while everything is replaced.
    pub(super) source: Option<String>,
    /// When that was taken, in seconds since 1970.
    pub(super) at: i64,
}

impl Record {
    /// The longest text, in bytes, with room for what is added to it.
    pub(super) const LONGEST: usize = 512;

    /// Reads a text; none if it is no record's.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.trim_end_matches('\n').split(' ');
        (words.next() == Some(BEGIN)).then_some(())?;
        let of = words.next()?.strip_prefix("of=").filter(|of| is_uuid(of))?;
        let at = words.next()?.strip_prefix("at=")?.parse().ok()?;
        let source = match words.next() {
            Some(word) => Some(word.strip_prefix("source=").filter(|source| is_uuid(source))?),
            None => None,
        };
        let record = Self { of: of.into(), source: source.map(String::from), at };
        words.next().is_none().then_some(record)
    }
}

impl fmt::Display for Record {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{BEGIN} of={} at={}", self.of, self.at)?;
        self.source.as_ref().map_or(Ok(()), |source| write!(formatter, " source={source}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: &str = "cKI9Ru-wSyt-h0Dw-2yXy-KcTr-0nYh-zFHvAJ";
    const SOURCE: &str = "fdSblc-ZtGx-G3NS-PsBO-vepg-vTCt-EyG00w";

    #[test]
    fn what_is_written_is_read() {
        for source in [None, Some(SOURCE.to_owned())] {
            let record = Record { of: OF.into(), source, at: -5 };
            let text = record.to_string();
            assert!(text.len() < Record::LONGEST / 2);
            assert_eq!(Record::parse(&text).as_ref(), Some(&record));
            assert_eq!(Record::parse(&format!("{text}\n")), Some(record));
        }
    }

    #[test]
    fn anything_else_is_no_record() {
        for text in [
            String::new(),
            "lvsync".into(),
            format!("lvsync of={OF}"),
            format!("lvsync of={OF} at=1 "),
            format!("lvsync of={OF} at=x source={SOURCE}"),
            format!("lvsync of=../../x at=1 source={SOURCE}"),
            format!("lvsync of={OF} at=1 source="),
            format!("lvsync of={OF} at=1 source={SOURCE} more"),
            format!("lvsync at=1 of={OF} source={SOURCE}"),
            format!("lvsync2 of={OF} at=1 source={SOURCE}"),
        ] {
            assert_eq!(Record::parse(&text), None, "{text}");
        }
    }
}
