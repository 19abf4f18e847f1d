//! [`Nearest`]: the names that a mistyped one may have meant.

use std::collections::HashMap;

use crate::{LogicalVolume, SegmentType};

/// At most this many names are suggested.
const MOST: usize = 3;

/// How good a guess is: the least is the best.
type Rank = (Place, usize);

/// Where a guess is, compared with where the name was looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// In the group, and in the pool if one was named.
    There,
    /// In the group, but not in the pool.
    OtherPool,
    OtherGroup,
}

/// A name that was not found, and where it was looked up.
pub(crate) struct Nearest<'a> {
    pub(crate) name: &'a str,
    pub(crate) group: Option<&'a str>,
    pub(crate) pool: Option<&'a str>,
}

impl Nearest<'_> {
    /// The volumes that may have been meant, as a question; pools are not volumes.
    pub(crate) fn volumes(&self, all: &[LogicalVolume]) -> Option<String> {
        self.of(all.iter().filter(|volume| !is_pool(volume)))
    }

    /// The same for thin pools.
    pub(crate) fn pools(&self, all: &[LogicalVolume]) -> Option<String> {
        self.of(all.iter().filter(|volume| volume.segment_type == SegmentType::ThinPool))
    }

    fn of<'v>(&self, all: impl Iterator<Item = &'v LogicalVolume>) -> Option<String> {
        let mut groups = HashMap::new();
        let ranked = all.filter_map(|volume| {
            let rank = self.rank(volume, &mut groups)?;
            let name = match rank.0 {
                Place::OtherPool => {
                    format!("{} in pool {}", volume.full_name(), volume.pool.as_deref()?)
                }
                Place::There | Place::OtherGroup => volume.full_name(),
            };
            Some((rank, common(self.name, &volume.name), name))
        });
        question(ranked.collect())
    }

    /// `distances`: of the groups that were seen so far.
    fn rank<'v>(
        &self,
        volume: &'v LogicalVolume,
        distances: &mut HashMap<&'v str, Option<usize>>,
    ) -> Option<Rank> {
        let is_in_pool = self.pool.is_none_or(|pool| volume.pool.as_deref() == Some(pool));
        match self.group {
            Some(group) if volume.group != group => {
                let group = *distances
                    .entry(&volume.group)
                    .or_insert_with(|| distance(group, &volume.group));
                let rank = match distance(self.name, &volume.name) {
                    // The right name in a group that is called differently is a guess, too.
                    Some(0) => group.unwrap_or(usize::MAX),
                    far => far? + group?,
                };
                Some((Place::OtherGroup, rank))
            }
            _ => {
                let place = if is_in_pool { Place::There } else { Place::OtherPool };
                Some((place, distance(self.name, &volume.name)?))
            }
        }
    }
}

/// The words that may have been meant, as a question.
pub fn did_you_mean<'a>(word: &str, all: impl Iterator<Item = &'a str>) -> Option<String> {
    let ranked = all.filter_map(|other| {
        Some(((Place::There, distance(word, other)?), common(word, other), other.to_owned()))
    });
    question(ranked.collect())
}

/// Asks for the best of them. Of equally good ones, those that begin like the name come first.
fn question(mut ranked: Vec<(Rank, usize, String)>) -> Option<String> {
    let best = ranked.iter().map(|(rank, _, _)| *rank).min()?;
    ranked.retain(|(rank, _, _)| *rank == best);
    ranked.sort_by(|one, other| (other.1, &one.2).cmp(&(one.1, &other.2)));
    ranked.truncate(MOST);
    let mut names: Vec<_> = ranked.into_iter().map(|(_, _, name)| name).collect();
    let last = names.pop()?;
    Some(match names.is_empty() {
        true => format!("did you mean {last}?"),
        false => format!("did you mean {} or {last}?", names.join(", ")),
    })
}

fn is_pool(volume: &LogicalVolume) -> bool {
    volume.segment_type.name().ends_with("-pool")
}

/// How many letters two names have in common at their beginnings.
fn common(one: &str, other: &str) -> usize {
    one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count()
}

/// How many letters must be inserted, removed, replaced or exchanged with their neighbour to turn one name into the
/// other; `None` if that is more than a third of them, which is another name. LVM's names are ASCII, and at most 127
/// letters long.
fn distance(one: &str, other: &str) -> Option<usize> {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let most = (one.len().max(other.len()) / 3).clamp(1, 3);
    // Most names end here, and the others cost a band of the table: thousands of them take no time.
    if one.len().abs_diff(other.len()) > most {
        return None;
    }
    let far = most + 1;
    let mut before = vec![far; other.len() + 1];
    let mut last: Vec<usize> = (0..=other.len()).collect();
    let mut next = before.clone();
    for (row, byte) in one.iter().enumerate() {
        next.fill(far);
        next[0] = row + 1;
        for column in row.saturating_sub(most)..other.len().min(row + most + 1) {
            let found = &other[column];
            let replaced = last[column] + usize::from(byte != found);
            let mut least = replaced.min(last[column + 1] + 1).min(next[column] + 1);
            let is_exchanged =
                row > 0 && column > 0 && one[row - 1] == *found && other[column - 1] == *byte;
            if is_exchanged {
                least = least.min(before[column - 1] + 1);
            }
            next[column + 1] = least;
        }
        // It never becomes less.
        if next.iter().all(|&least| least > most) {
            return None;
        }
        std::mem::swap(&mut before, &mut last);
        std::mem::swap(&mut last, &mut next);
    }
    // Nothing in common is no mistake.
    last.last().copied().filter(|&far| far == 0 || far <= most && far < one.len().max(other.len()))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::name::example;

    fn pool(group: &str, name: &str) -> LogicalVolume {
        LogicalVolume {
            segment_type: SegmentType::ThinPool,
            pool: None,
            thin_id: None,
            ..example(group, name, "")
        }
    }

    #[test]
    fn a_distance_is_the_number_of_mistakes() {
        for (one, other, expected) in [
            ("vol0", "vol0", Some(0)),
            ("vol9", "vol0", Some(1)),
            ("vlo0", "vol0", Some(1)),
            ("vol", "vol0", Some(1)),
            ("vool0", "vol0", Some(1)),
            ("database", "dtabaes", Some(2)),
            ("abc", "xyz", None),
            ("a", "b", None),
            ("a", "ab", Some(1)),
            ("ab", "cd", None),
            ("tuesday", "monday", None),
            ("", "", Some(0)),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
            assert_eq!(distance(other, one), expected, "{other} {one}");
        }
    }

    #[test]
    fn what_is_in_the_right_place_comes_first() {
        let volumes = [
            pool("vg0", "pool0"),
            example("vg0", "vol0", "pool0"),
            example("vg0", "data", "pool1"),
            example("vg1", "vol9", "pool0"),
            example("vg1", "vol2", "pool0"),
        ];
        let ask = |name, group, pool| Nearest { name, group, pool }.volumes(&volumes);
        let is = |text: &str| Some(format!("did you mean {text}?"));
        assert_eq!(ask("vol7", Some("vg0"), None), is("vg0/vol0"));
        assert_eq!(ask("vol9", Some("vg0"), None), is("vg0/vol0"));
        assert_eq!(ask("dat", Some("vg0"), Some("pool0")), is("vg0/data in pool pool1"));
        assert_eq!(ask("data", Some("vg0"), Some("pool0")), is("vg0/data in pool pool1"));
        assert_eq!(ask("vol7", None, None), is("vg0/vol0, vg1/vol2 or vg1/vol9"));
        assert_eq!(ask("vol9", Some("elsewhere"), None), is("vg1/vol9"));
        assert_eq!(ask("vol0", Some("vg"), None), is("vg0/vol0"));
        assert_eq!(ask("pool0", Some("vg0"), None), None);
        assert_eq!(ask("tuesday", None, None), None);
        let ask = |name, group| Nearest { name, group, pool: None }.pools(&volumes);
        assert_eq!(ask("pol0", Some("vg0")), is("vg0/pool0"));
        assert_eq!(ask("vol0", Some("vg0")), None);
    }

    #[test]
    fn of_equals_those_that_begin_alike_come_first_and_few_are_named() {
        let names =
            ["vm-109-disk-9", "vm-100-disk-0", "vm-100-disk-1", "vm-101-disk-9", "xm-100-disk-9"];
        let volumes = names.map(|name| example("vg", name, "p"));
        let nearest = Nearest { name: "vm-100-disk-9", group: Some("vg"), pool: None };
        assert_eq!(
            nearest.volumes(&volumes).unwrap(),
            "did you mean vg/vm-100-disk-0, vg/vm-100-disk-1 or vg/vm-101-disk-9?"
        );
    }

    #[test]
    fn a_group_is_suggested_as_well() {
        let ask = |name| did_you_mean(name, ["ubuntu-vg", "vg0", "vg1"].into_iter());
        assert_eq!(ask("ubuntu-gv").unwrap(), "did you mean ubuntu-vg?");
        assert_eq!(ask("vg2").unwrap(), "did you mean vg0 or vg1?");
        assert_eq!(ask("data"), None);
    }

    #[test]
    fn ten_thousand_long_names_are_compared_at_once() {
        let long = "x".repeat(115);
        let name = |number: u32| format!("{long}-{number:05}");
        let volumes: Vec<_> = (0..10_000).map(|number| example("vg", &name(number), "p")).collect();
        let begun = Instant::now();
        let nearest = Nearest { name: &format!("{long}-0000a"), group: Some("vg"), pool: None };
        assert!(nearest.volumes(&volumes).unwrap().contains("-00000, "));
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
}
