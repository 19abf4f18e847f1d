//! Tags of points and copies: what they are, by UUID.

use jiff::Timestamp;
use lvm::LogicalVolume;

/// Before the UUID of the volume that a point was taken of.
const OF: &str = "lvsync.of=";
/// Before the time at which it was taken, in seconds since 1970.
const AT: &str = "lvsync.at=";
/// Before the time at which a copy was found to be the same as its point, in seconds since 1970.
const VERIFIED: &str = "lvsync.verified=";

/// The tags of a point, or a copy of it.
pub fn of_point(of: &str, at: Timestamp) -> Vec<String> {
    vec![format!("{OF}{of}"), format!("{AT}{}", at.as_second())]
}

/// The UUID of the volume that a point was taken of, and when; none if it has no such tags.
pub fn point(volume: &LogicalVolume) -> Option<(&str, Timestamp)> {
    let value = |key: &str| volume.tags.iter().find_map(|tag| tag.strip_prefix(key));
    let at = Timestamp::from_second(value(AT)?.parse().ok()?).ok()?;
    Some((value(OF)?, at))
}

/// The tags of a volume once it has been verified: with the time at which it was found to be the same as its point, or
/// without one.
pub(crate) fn verified(volume: &LogicalVolume, at: Option<u64>) -> Vec<String> {
    let others = volume.tags.iter().filter(|tag| !tag.starts_with(VERIFIED)).cloned();
    others.chain(at.map(|at| format!("{VERIFIED}{at}"))).collect()
}

/// Whether a text has the form of LVM's UUIDs: then it is safe in a tag, a selection and a message.
pub fn is_uuid(text: &str) -> bool {
    let mut lengths = text.split('-').map(|part| {
        let is_sound = part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_sound.then_some(part.len())
    });
    [6, 4, 4, 4, 4, 4, 6].into_iter().all(|length| lengths.next() == Some(Some(length)))
        && lengths.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lvms_form_is_a_uuid() {
        assert!(is_uuid("cKI9Ru-wSyt-h0Dw-2yXy-KcTr-0nYh-zFHvAJ"));
        for text in [
            "",
            "------",
            "cKI9Ru-wSyt-h0Dw-2yXy-KcTr-0nYh-zFHvA",
            "cKI9Ru-wSyt-h0Dw-2yXy-KcTr-0nYh-zFHvAJ-",
            "cKI9Ru-wSyt-h0Dw-2yXy-KcTr-0nYh-zFHv\"J",
            "cKI9Ru-wSyt-h0Dw-2yXy-KcTr-0nYh zFHvAJ",
        ] {
            assert!(!is_uuid(text), "{text}");
        }
    }
}
