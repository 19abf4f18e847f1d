//! Which volume a volume is a copy of, according to its tags.

use flow::{Refusal, WayOut, escaped};
use hyperlayer::{Header, Volume};
use lvm::LogicalVolume;

use crate::request::Cut;

/// The key of the pair that names the logical volume an undo is for.
pub(crate) const VOLUME: &str = "lvpatch.volume";
/// Precedes the UUID of the volume that this one is a copy of.
const SOURCE: &str = "lvpatch.source=";
/// Precedes the digest of the stream that made the copy.
const STREAM: &str = "lvpatch.stream=";

/// The tags of a volume that a stream made.
pub(crate) fn tags(header: &Header, stream_digest: Option<[u8; 32]>) -> Vec<String> {
    let mut tags = Vec::from_iter(of_uuid(SOURCE, &header.target.uuid));
    if let Some(digest) = stream_digest {
        tags.push(format!("{STREAM}{}", blake3::Hash::from_bytes(digest).to_hex()));
    }
    tags
}

/// The UUID of the volume that this one is a complete copy of, if lvpatch made it: a tag of the volume's says so.
pub fn source_of(volume: &LogicalVolume) -> Option<&str> {
    volume.tags.iter().find_map(|tag| tag.strip_prefix(SOURCE))
}

/// A volume's tags, but as a complete copy of the volume with this UUID, or without one as a copy of nothing known.
/// For whoever knows better what it holds than the last stream did: after that was undone, say.
pub fn tags_as_copy_of(volume: &LogicalVolume, uuid: Option<&str>) -> Vec<String> {
    let mut tags = other_tags(volume);
    tags.extend(uuid.and_then(|uuid| of_uuid(SOURCE, uuid)));
    tags
}

/// A tag of a key and a UUID, if LVM allows its characters in a tag. Its own UUIDs consist of letters, digits and
/// hyphens.
pub(crate) fn of_uuid(key: &str, uuid: &str) -> Option<String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (!uuid.is_empty() && uuid.bytes().all(is_allowed)).then(|| format!("{key}{uuid}"))
}

/// A volume's tags other than this module's.
pub(crate) fn other_tags(volume: &LogicalVolume) -> Vec<String> {
    let is_other = |tag: &&String| !tag.starts_with(SOURCE) && !tag.starts_with(STREAM);
    volume.tags.iter().filter(is_other).cloned().collect()
}

/// Checks the base's tag against the base that a stream names. A volume without a tag is not refused, nor is a
/// copy of the base's origin: then the digests decide. If part of an undo is applied (`cut`), it is unknown
/// whether anything was overwritten before: it may be for a copy of its target, too.
///
/// # Errors
/// [`Refusal::base_mismatch`] if the volume is a copy of another one.
pub(crate) fn check(header: &Header, cut: Cut, volume: &LogicalVolume) -> anyhow::Result<()> {
    let is_known = |base: &&Volume| !base.uuid.is_empty() || !header.identity.disk.is_empty();
    let Some(base) = header.base.as_ref().filter(is_known) else {
        return Ok(());
    };
    let Some(source) = source_of(volume) else {
        return Ok(());
    };
    if is_same(source, &base.uuid) {
        return Ok(());
    }
    // A copy of the base's origin may or may not hold what the base holds, and so may the base itself, once
    // something else was applied to it: if there is a proof, it decides.
    let may_be = source == header.base_origin || is_same(&volume.uuid, &base.uuid);
    let is_undone = header.undo && cut == Cut::Applied && is_same(source, &header.target.uuid);
    if (may_be || is_undone) && header.detect_level > 0 {
        return Ok(());
    }
    let (name, base) = (volume.full_name(), escaped(&base.to_string()));
    Err(Refusal::base_mismatch(format!(
        "{name} is not the stream's base: its tag says that it is a copy of the volume with UUID \
         {source}, and the stream starts from {base}; if you are sure, `lvchange --deltag \
         {SOURCE}{source} {name}` lets the digests decide"
    ))
    .into())
}

/// Refuses an undo anywhere but where the stream it undoes was applied: `volume` is the logical volume at the
/// place `name`, if it is one. An undo of an image names no volume, and its digests decide.
///
/// # Errors
/// [`Refusal::base_mismatch`].
pub(crate) fn check_undo(
    header: &Header,
    name: &str,
    volume: Option<&LogicalVolume>,
) -> anyhow::Result<()> {
    let pair = header.pairs.iter().find(|(key, _)| key == VOLUME).filter(|_| header.undo);
    let Some((_, uuid)) = pair else { return Ok(()) };
    let found = match volume {
        Some(volume) if volume.uuid == *uuid => return Ok(()),
        Some(volume) => format!("has UUID {}", volume.uuid),
        None => "is not a logical volume".into(),
    };
    Err(Refusal::base_mismatch(format!(
        "the undo is for the logical volume with UUID {}, and {name} {found}",
        escaped(uuid)
    ))
    .but(WayOut::SkipProof)
    .into())
}

/// Whether two UUIDs are the same, where one may be truncated: lvbackup keeps 36 bytes of it.
fn is_same(one: &str, other: &str) -> bool {
    const KEPT: usize = 36;
    let is_cut = |cut: &str, whole: &str| cut.len() == KEPT && whole.starts_with(cut);
    one == other || is_cut(one, other) || is_cut(other, one)
}

#[cfg(test)]
mod tests {
    use hyperlayer::Volume;

    use lvm::SegmentType;

    use super::*;
    use crate::testing::{header, is_mismatch};

    fn volume(uuid: &str, tags: &[&str]) -> LogicalVolume {
        LogicalVolume {
            group: "vg1".into(),
            group_uuid: "g-1".into(),
            name: "copy".into(),
            uuid: uuid.into(),
            size: 512,
            extent_size: 0,
            segment_type: SegmentType::Thin,
            pool: Some("pool0".into()),
            pool_uuid: Some("p-1".into()),
            thin_id: Some(1),
            chunk_size: 0,
            dm_name: "vg1-copy".into(),
            tags: tags.iter().map(ToString::to_string).collect(),
            origin: None,
            origin_uuid: None,
            created: None,
            autoactivation: None,
            disk_count: None,
        }
    }

    #[test]
    fn a_tag_must_name_the_base() {
        let check =
            |header: &Header, volume: &LogicalVolume| super::check(header, Cut::Refused, volume);
        let named =
            |name: &str, uuid: &str| Volume { name: name.into(), uuid: uuid.into(), size: 512 };
        let header = Header { base: Some(named("mon", "u-1")), ..header(512) };
        check(&header, &volume("x", &["lvpatch.source=u-1", "backup"])).unwrap();
        check(&header, &volume("x", &["backup"])).unwrap();
        let snapshot = Header { base_origin: "u-2".into(), detect_level: 1, ..header.clone() };
        let unproved = Header { detect_level: 0, ..snapshot.clone() };
        check(&unproved, &volume("x", &["lvpatch.source=u-2"])).unwrap_err();
        check(&snapshot, &volume("x", &["lvpatch.source=u-2"])).unwrap();
        check(&snapshot, &volume("x", &["lvpatch.source=u-3"])).unwrap_err();
        let proved = Header { detect_level: 2, ..header.clone() };
        check(&proved, &volume("u-1", &["lvpatch.source=u-0"])).unwrap();
        check(&header, &volume("u-1", &["lvpatch.source=u-0"])).unwrap_err();
        let error = check(&header, &volume("x", &["lvpatch.source=u-2"])).unwrap_err();
        assert!(is_mismatch(&error));
        let text = error.to_string();
        assert!(
            text.contains("vg1/copy") && text.contains("u-2") && text.contains("u-1"),
            "{text}"
        );
        // lvbackup keeps the first 36 bytes of a UUID.
        let (whole, cut) =
            ("oklnYd-csbs-fF5B-UjTK-gKwW-qZdc-xX97it", "oklnYd-csbs-fF5B-UjTK-gKwW-qZdc-xX97");
        let kept = Header { base: Some(named("mon", cut)), ..header.clone() };
        check(&kept, &volume("x", &[&format!("lvpatch.source={whole}")])).unwrap();
        check(&kept, &volume("x", &[&format!("lvpatch.source=x{whole}")])).unwrap_err();
        // If a run was killed before its first write, its partial undo finds what it leads to.
        let undo = Header { undo: true, target: named("sun", "u-0"), ..proved.clone() };
        let part = |header: &Header, tag| super::check(header, Cut::Applied, &volume("x", &[tag]));
        part(&undo, "lvpatch.source=u-0").unwrap();
        part(&undo, "lvpatch.source=u-2").unwrap_err();
        part(&Header { undo: false, ..undo.clone() }, "lvpatch.source=u-0").unwrap_err();
        part(&Header { detect_level: 0, ..undo.clone() }, "lvpatch.source=u-0").unwrap_err();
        // A whole undo leads back only from where the stream ended.
        check(&undo, &volume("x", &["lvpatch.source=u-0"])).unwrap_err();
        // A stream from files names no UUID.
        let unknown = Header { base: Some(named("mon", "")), ..header };
        check(&unknown, &volume("x", &["lvpatch.source=u-2"])).unwrap();
    }

    #[test]
    fn an_undo_is_for_one_volume() {
        let pairs = vec![(VOLUME.into(), "u-1".into())];
        let undo = Header { undo: true, pairs, ..header(512) };
        let (own, other) = (volume("u-1", &[]), volume("u-2", &[]));
        check_undo(&undo, "vg1/copy", Some(&own)).unwrap();
        for place in [Some(&other), None] {
            let error = check_undo(&undo, "there", place).unwrap_err();
            assert!(is_mismatch(&error));
            assert!(error.to_string().contains("u-1"), "{error}");
        }
        // A pair in a stream that is no undo, and an undo of an image.
        check_undo(&Header { undo: false, ..undo.clone() }, "there", Some(&other)).unwrap();
        check_undo(&Header { pairs: vec![], ..undo }, "there", Some(&other)).unwrap();
    }

    #[test]
    fn a_copy_has_both_tags_and_keeps_its_others() {
        let target = Volume { name: "tue".into(), uuid: "u-2".into(), size: 512 };
        let tags = tags(&Header { target, ..header(512) }, Some([0xab; 32]));
        assert_eq!(
            tags,
            ["lvpatch.source=u-2".into(), format!("lvpatch.stream={}", "ab".repeat(32))]
        );
        let odd = Volume { name: "tue".into(), uuid: "u 2;--x".into(), size: 512 };
        assert!(super::tags(&Header { target: odd, ..header(512) }, None).is_empty());
        let volume = volume("x", &["a", "lvpatch.source=u-1", "lvpatch.stream=00"]);
        assert_eq!(other_tags(&volume), ["a"]);
    }
}
