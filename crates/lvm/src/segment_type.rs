//! [`SegmentType`]: what kind of volume a volume is.

use std::fmt;

/// The kind of a volume's segments, as LVM names it: the kinds that matter here, and all others by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SegmentType {
    /// A thin volume.
    Thin,
    /// A thin pool.
    ThinPool,
    /// A classic snapshot, whatever the segments of its COW device are.
    Snapshot,
    /// A plain volume in one piece or several.
    Linear,
    /// A plain volume, striped.
    Striped,
    /// Any other.
    Other(String),
}

impl SegmentType {
    /// LVM's name for it.
    pub fn name(&self) -> &str {
        match self {
            Self::Thin => "thin",
            Self::ThinPool => "thin-pool",
            Self::Snapshot => "snapshot",
            Self::Linear => "linear",
            Self::Striped => "striped",
            Self::Other(name) => name,
        }
    }
}

impl From<&str> for SegmentType {
    fn from(name: &str) -> Self {
        let known = [Self::Thin, Self::ThinPool, Self::Snapshot, Self::Linear, Self::Striped];
        let found = known.into_iter().find(|known| known.name() == name);
        found.unwrap_or_else(|| Self::Other(name.into()))
    }
}

impl fmt::Display for SegmentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_stays_what_it_is() {
        for name in ["thin", "thin-pool", "snapshot", "linear", "striped", "raid1", ""] {
            assert_eq!(SegmentType::from(name).to_string(), name);
        }
        assert_eq!(SegmentType::from("thin-pool"), SegmentType::ThinPool);
        assert_eq!(SegmentType::from("raid1"), SegmentType::Other("raid1".into()));
    }
}
