//! [`History`]: the points of a volume, and their copies in one place.

use std::collections::{BTreeMap, BTreeSet};

use peer::Particulars;
use replica::PointName;
use serde::Serialize;

/// The points of a volume and their copies in one place, the oldest first.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct History {
    /// The volume's name with its group; without it if the volume is on another machine.
    pub(crate) volume: String,
    /// Its UUID.
    pub(crate) uuid: String,
    /// Where the copies are; none if there are no copies.
    pub(crate) target: Option<String>,
    pub(crate) points: Vec<Moment>,
}

/// A point, a copy of it, or both.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Moment {
    /// When the point was taken, in seconds since 1970.
    pub(crate) at: i64,
    pub(crate) point: Option<Particulars>,
    pub(crate) copy: Option<Particulars>,
}

/// Puts points and copies together, each copy with the place where it is. `names` has the volumes of this machine by
/// their UUIDs; `target` is where copies could be of a volume that has none.
pub(crate) fn histories(
    points: &[Particulars],
    copies: &[(String, Particulars)],
    names: &BTreeMap<&str, String>,
    target: Option<&str>,
) -> Vec<History> {
    let mut keys: BTreeSet<(&str, Option<&str>)> =
        copies.iter().map(|(place, copy)| (copy.of.as_str(), Some(place.as_str()))).collect();
    for point in points {
        let has_copies = keys.iter().any(|(of, _)| *of == point.of);
        if !has_copies {
            keys.insert((&point.of, target));
        }
    }
    let history = |(of, place): (&str, Option<&str>)| {
        let here = points.iter().filter(|point| point.of == of);
        let there =
            copies.iter().filter(|(other, copy)| copy.of == of && Some(other.as_str()) == place);
        let mut moments: Vec<Moment> = Vec::new();
        for point in here {
            moments.push(Moment { at: point.at, point: Some(point.clone()), copy: None });
        }
        for (_, copy) in there {
            let is_its = |moment: &&mut Moment| {
                let is_same = |point: &Particulars| point.uuid == copy.source;
                moment.copy.is_none() && moment.point.as_ref().is_some_and(is_same)
            };
            match moments.iter_mut().find(is_its) {
                Some(moment) => moment.copy = Some(copy.clone()),
                None => moments.push(Moment { at: copy.at, point: None, copy: Some(copy.clone()) }),
            }
        }
        moments.sort_by(|one, other| (one.at, one.name()).cmp(&(other.at, other.name())));
        let volume = names.get(of).cloned().or_else(|| moments.iter().find_map(Moment::volume));
        let volume = volume.unwrap_or_else(|| "a volume that is gone".into());
        History { volume, uuid: of.into(), target: place.map(Into::into), points: moments }
    };
    let mut all: Vec<_> = keys.into_iter().map(history).collect();
    all.sort_by(|one, other| (&one.volume, &one.target).cmp(&(&other.volume, &other.target)));
    all
}

impl Moment {
    /// The point, or else its copy.
    pub(crate) fn either(&self) -> Option<&Particulars> {
        self.point.as_ref().or(self.copy.as_ref())
    }

    fn name(&self) -> Option<&str> {
        self.either().map(|listed| listed.name.as_str())
    }

    /// What the volume is called, as the name of its point has it.
    fn volume(&self) -> Option<String> {
        let (_, name) = self.name()?.split_once('/')?;
        Some(PointName::parse(name)?.volume().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(of: &str, source: &str, uuid: &str, at: i64) -> Particulars {
        let (of, source, uuid) = (of.into(), source.into(), uuid.into());
        Particulars {
            of,
            source,
            uuid,
            at,
            name: format!("vg0/db.sync.2026112{at}T223000Z"),
            ..Particulars::default()
        }
    }

    #[test]
    fn a_copy_stands_beside_its_point() {
        let points = [listed("V", "B", "B", 2), listed("V", "A", "A", 1), listed("W", "C", "C", 5)];
        let there = |listed| ("b:vg1/p".to_owned(), listed);
        let copies = [
            there(listed("V", "A", "a", 1)),
            there(listed("V", "Z", "z", 0)),
            ("c:vg1/p".to_owned(), listed("V", "B", "b", 2)),
            // A second one that says the same is shown as well.
            there(listed("V", "A", "a2", 1)),
            there(listed("U", "Y", "y", 3)),
        ];
        let names = BTreeMap::from([("V", "vg0/db".to_owned()), ("W", "vg0/log".to_owned())]);
        let all = histories(&points, &copies, &names, Some("b:vg1/p"));
        let shown: Vec<_> = all
            .iter()
            .map(|history| {
                let uuid = |listed: &Option<Particulars>| {
                    listed.as_ref().map_or("-".to_owned(), |listed| listed.uuid.clone())
                };
                let points = history.points.iter();
                let points: Vec<_> =
                    points.map(|one| uuid(&one.point) + &uuid(&one.copy)).collect();
                format!(
                    "{} {} {}",
                    history.volume,
                    history.target.as_deref().unwrap_or("-"),
                    points.join(" ")
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                "db b:vg1/p -y",
                "vg0/db b:vg1/p -z Aa -a2 B-",
                "vg0/db c:vg1/p A- Bb",
                "vg0/log b:vg1/p C-"
            ]
        );
    }

    #[test]
    fn the_order_of_what_is_found_makes_no_difference() {
        let points = [listed("V", "A", "A", 1), listed("V", "B", "B", 2)];
        let copies = [
            ("t".to_owned(), listed("V", "B", "b", 2)),
            ("t".to_owned(), listed("V", "A", "a", 1)),
        ];
        let names = BTreeMap::new();
        let one = histories(&points, &copies, &names, None);
        let (mut points, mut copies) = (points, copies);
        points.reverse();
        copies.reverse();
        assert_eq!(histories(&points, &copies, &names, None), one);
        assert_eq!(histories(&[], &[], &names, Some("t")), []);
    }
}
