//! [`successors`]: which streams follow which.

use std::collections::{BTreeMap, BTreeSet};

use hyperlayer::Outline;

use crate::link::follows;

/// For each stream of `before`, which of `after` can be applied to what it makes, by their numbers. Streams whose
/// UUIDs show that they cannot are not compared: chains have thousands of streams.
pub(crate) fn successors(before: &[&Outline], after: &[&Outline]) -> Vec<Vec<usize>> {
    let mut by_base: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (number, stream) in after.iter().enumerate() {
        if let Some(base) = &stream.header.base {
            by_base.entry(&base.uuid).or_default().push(number);
        }
    }
    let of = |stream: &&Outline| {
        let uuid = stream.header.target.uuid.as_str();
        // If one of the two has no UUID, other things decide.
        let keys: BTreeSet<&str> = match uuid {
            "" => by_base.keys().copied().collect(),
            uuid => BTreeSet::from(["", uuid]),
        };
        let nexts = keys.into_iter().filter_map(|key| by_base.get(key)).flatten().copied();
        nexts.filter(|&next| follows(after[next], stream).is_ok()).collect()
    };
    before.iter().map(of).collect()
}
