//! [`Sums`]: how much changed.

use std::io;

use thinmeta::ExtentKind;

use crate::extent::Extent;
use crate::series::Series;

/// How much changed, whatever the number of extents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// How many extents differ.
    pub extents: u64,
    /// The bytes of those that changed.
    pub changed_bytes: u64,
    /// The bytes of those that became unmapped.
    pub unmapped_bytes: u64,
}

impl Sums {
    /// The sums of all extents.
    ///
    /// # Errors
    /// If they are in a file that cannot be read.
    pub fn of(extents: &Series<Extent>) -> io::Result<Self> {
        let mut sums = Self::default();
        for extent in extents {
            sums.add(extent?);
        }
        Ok(sums)
    }

    /// Counts another extent.
    pub fn add(&mut self, extent: Extent) {
        let bytes = match extent.kind() {
            ExtentKind::Changed => &mut self.changed_bytes,
            ExtentKind::Unmapped => &mut self.unmapped_bytes,
        };
        *bytes = bytes.saturating_add(extent.range().length);
        self.extents = self.extents.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use blockio::Range;

    use super::*;

    #[test]
    fn each_kind_has_its_bytes() {
        let mut extents = Series::default();
        for (length, kind) in
            [(10, ExtentKind::Changed), (200, ExtentKind::Unmapped), (3000, ExtentKind::Changed)]
        {
            extents.push(Extent::new(Range { offset: length * 10, length }, kind)).unwrap();
        }
        let expected = Sums { extents: 3, changed_bytes: 3010, unmapped_bytes: 200 };
        assert_eq!(Sums::of(&extents).unwrap(), expected);
        assert_eq!(Sums::of(&Series::default()).unwrap(), Sums::default());
    }
}
