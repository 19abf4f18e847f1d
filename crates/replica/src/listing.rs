//! [`local_points`] and [`local_copies`]: what is known about the points and copies on this machine.

use lvm::LogicalVolume;
use peer::Particulars;

use crate::tag;

/// The points among these volumes, of any volume.
pub fn local_points(volumes: &[LogicalVolume]) -> Vec<Particulars> {
    let of_point = |volume: &LogicalVolume| {
        let is_copy = patch::source_of(volume).or_else(|| tag::partial(volume)).is_some();
        (!is_copy).then(|| listed(volume, &volume.uuid)).flatten()
    };
    volumes.iter().filter_map(of_point).collect()
}

/// The copies among these volumes, of any volume; incomplete ones, too.
pub fn local_copies(volumes: &[LogicalVolume]) -> Vec<Particulars> {
    let of_copy = |volume: &LogicalVolume| {
        let source = patch::source_of(volume).or_else(|| tag::partial(volume))?;
        let base = || volumes.iter().find(|other| volume.is_snapshot_of(other));
        let base = base().map(|base| base.uuid.clone());
        Some(Particulars { base, ..listed(volume, source)? })
    };
    volumes.iter().filter_map(of_copy).collect()
}

/// What its tags say; none if these are not of lvsync.
fn listed(volume: &LogicalVolume, source: &str) -> Option<Particulars> {
    let (of, at) = tag::point(volume)?;
    Some(Particulars {
        of: of.into(),
        source: source.into(),
        at: at.as_second(),
        name: volume.full_name(),
        uuid: volume.uuid.clone(),
        size: volume.size,
        base: None,
        job: tag::job(volume).map(Into::into),
        holds: tag::holds(volume).map(Into::into).collect(),
        is_pinned: tag::is_pinned(volume),
        is_partial: tag::partial(volume).is_some(),
        verified_at: tag::verified_at(volume),
        promoted: tag::promoted(volume).map(Into::into),
        tags: volume.tags.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::volume;

    #[test]
    fn tags_tell_points_from_copies() {
        let volumes = [
            volume("vol", &["lvsync.of=VOL", "other"], None),
            volume(
                "point",
                &["lvsync.of=VOL", "lvsync.at=7", "lvsync.hold=a", "lvsync.hold=b"],
                Some("vol"),
            ),
            volume(
                "first",
                &["lvsync.of=VOL", "lvsync.at=7", "lvpatch.source=POINT", "lvsync.pin"],
                None,
            ),
            volume(
                "second",
                &[
                    "lvsync.of=VOL",
                    "lvsync.at=9",
                    "lvpatch.source=X",
                    "lvsync.verified=10",
                    "lvsync.job=n",
                ],
                Some("first"),
            ),
            volume("part", &["lvsync.of=VOL", "lvsync.at=11", "lvsync.partial=Y"], Some("gone")),
            volume(
                "strange",
                &["lvsync.of=VOL", "lvsync.at=99999999999999999", "lvpatch.source=Z"],
                None,
            ),
            volume("not_ours", &["lvpatch.source=Z"], None),
        ];
        let points = local_points(&volumes);
        let [point] = points.as_slice() else { panic!("{points:?}") };
        assert_eq!((point.uuid.as_str(), point.source.as_str()), ("POINT", "POINT"));
        assert_eq!(
            (point.holds.as_slice(), point.base.as_ref()),
            (&["a".to_owned(), "b".into()][..], None)
        );
        let copies = local_copies(&volumes);
        let [first, second, part] = copies.as_slice() else { panic!("{copies:?}") };
        assert_eq!((first.source.as_str(), first.at, first.is_pinned), ("POINT", 7, true));
        assert_eq!((first.base.as_ref(), second.base.as_deref()), (None, Some("FIRST")));
        assert_eq!((second.verified_at, second.job.as_deref()), (Some(10), Some("n")));
        assert_eq!((part.is_partial, part.source.as_str(), part.base.as_ref()), (true, "Y", None));
        assert!(!first.is_partial && !second.is_pinned && second.holds.is_empty());
    }
}
