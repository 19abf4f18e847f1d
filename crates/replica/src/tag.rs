//! Tags of points and copies: what they are, by UUID.

use jiff::Timestamp;
use lvm::LogicalVolume;

/// Before the UUID of the volume that a point was taken of.
const OF: &str = "lvsync.of=";
/// Before the time at which it was taken, in seconds since 1970.
const AT: &str = "lvsync.at=";
/// Of a volume that is written in place: it is neither a point nor a pool's copy, whatever else its tags say.
const PLACE: &str = "lvsync.place";

/// Before the name of the job that took a point.
const JOB: &str = "lvsync.job=";
/// Before what the points of one run of a job have in common.
const SET: &str = "lvsync.set=";
/// Before the name of who holds a point.
const HOLD: &str = "lvsync.hold=";
/// The point stays until somebody says otherwise.
const PIN: &str = "lvsync.pin";
/// Before the UUID of the point that an incomplete copy is of.
const PARTIAL: &str = "lvsync.partial=";
/// Before the time at which a copy was last verified, in seconds since 1970.
const VERIFIED: &str = "lvsync.verified=";
/// Before the UUID of the writable volume that was made of a copy.
const PROMOTED: &str = "lvsync.promoted=";
/// Before the UUID of a pool on another side that has a copy of a point.
const ON: &str = "lvsync.on=";
/// What a point has that was not sent, or not wholly: no copy of it is known.
pub(crate) const UNSENT: &str = "lvsync.unsent";

/// The tags of a point, or a copy of it.
pub fn of_point(of: &str, at: Timestamp) -> Vec<String> {
    vec![format!("{OF}{of}"), format!("{AT}{}", at.as_second())]
}

/// The tags of a point that a job takes, with others.
pub fn of_set(of: &str, at: Timestamp, job: &str) -> Vec<String> {
    let mut tags = of_point(of, at);
    tags.extend([format!("{JOB}{job}"), format!("{SET}{job}.{}", at.as_second())]);
    tags
}

/// The UUID of the volume that a point was taken of, and when; none if it has no such tags, or is no point but a
/// volume that is written in place.
pub fn point(volume: &LogicalVolume) -> Option<(&str, Timestamp)> {
    if is_placed(volume) { None } else { of_and_at(volume) }
}

/// The job that took a point.
pub fn job(volume: &LogicalVolume) -> Option<&str> {
    value(volume, JOB)
}

/// Who holds a point.
pub fn holds(volume: &LogicalVolume) -> impl Iterator<Item = &str> {
    volume.tags.iter().filter_map(|tag| tag.strip_prefix(HOLD))
}

/// Whether a point stays until somebody says otherwise.
pub fn is_pinned(volume: &LogicalVolume) -> bool {
    volume.tags.iter().any(|tag| tag == PIN)
}

/// The UUID of the point that an incomplete copy is of.
pub fn partial(volume: &LogicalVolume) -> Option<&str> {
    value(volume, PARTIAL)
}

/// When a copy was last verified, in seconds since 1970.
pub fn verified_at(volume: &LogicalVolume) -> Option<i64> {
    value(volume, VERIFIED)?.parse().ok()
}

/// The UUID of the writable volume that was made of a copy.
pub fn promoted(volume: &LogicalVolume) -> Option<&str> {
    value(volume, PROMOTED)
}

/// The tag that says so.
pub fn of_promoted(uuid: &str) -> String {
    format!("{PROMOTED}{uuid}")
}

fn value<'v>(volume: &'v LogicalVolume, key: &str) -> Option<&'v str> {
    volume.tags.iter().find_map(|tag| tag.strip_prefix(key))
}

/// The tags of a volume that is written in place, as a copy of a point of the volume `of`, taken `at` seconds since
/// 1970.
pub fn of_place(of: &str, at: i64) -> Vec<String> {
    vec![PLACE.into(), format!("{OF}{of}"), format!("{AT}{at}")]
}

/// Whether a tag is one of those that [`of_place`] makes.
pub fn is_of_place(tag: &str) -> bool {
    tag == PLACE || tag.starts_with(OF) || tag.starts_with(AT)
}

/// Whether a volume is written in place: people use it, and nothing of it is lvsync's to remove.
pub fn is_placed(volume: &LogicalVolume) -> bool {
    volume.tags.iter().any(|tag| tag == PLACE)
}

/// The UUID of the volume that a volume written in place is a copy of, and when that was as the copy has it.
pub fn placed(volume: &LogicalVolume) -> Option<(&str, Timestamp)> {
    if is_placed(volume) { of_and_at(volume) } else { None }
}

fn of_and_at(volume: &LogicalVolume) -> Option<(&str, Timestamp)> {
    let at = Timestamp::from_second(value(volume, AT)?.parse().ok()?).ok()?;
    Some((value(volume, OF)?, at))
}

/// The tags of an incomplete copy of the point with the UUID `source`.
pub fn of_partial(source: &str, of: &str, at: Timestamp) -> Vec<String> {
    let mut tags = of_point(of, at);
    tags.push(format!("{PARTIAL}{source}"));
    tags
}

/// The tag of a point of which the pool with this UUID has a copy.
pub fn of_place_with_copy(pool: &str) -> String {
    format!("{ON}{pool}")
}

/// The UUIDs of the pools that had a copy of a point when they were last asked.
pub fn places(volume: &LogicalVolume) -> impl Iterator<Item = &str> {
    volume.tags.iter().filter_map(|tag| tag.strip_prefix(ON))
}

/// Whether no copy of a point is known.
pub fn is_unsent(volume: &LogicalVolume) -> bool {
    volume.tags.iter().any(|tag| tag == UNSENT)
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
