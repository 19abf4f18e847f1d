//! [`Extent`]: a run of bytes that differs.

use blockio::Range;
use thinmeta::ExtentKind;

use crate::series::Item;

/// A run of bytes that differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    range: Range,
    kind: ExtentKind,
}

impl Extent {
    /// A run of one kind.
    pub fn new(range: Range, kind: ExtentKind) -> Self {
        Self { range, kind }
    }

    /// Its range in bytes.
    pub fn range(self) -> Range {
        self.range
    }

    /// Whether it changed or became unmapped.
    pub fn kind(self) -> ExtentKind {
        self.kind
    }

    /// Grows to include `range`, if that follows directly and is of the same kind.
    pub(crate) fn extend(&mut self, range: Range, kind: ExtentKind) -> bool {
        let joins = self.kind == kind && self.range.offset + self.range.length == range.offset;
        if joins {
            self.range.length += range.length;
        }
        joins
    }
}

impl Item for Extent {
    fn parts(self) -> (u64, u64, u8) {
        (self.range.offset, self.range.length, u8::from(self.kind == ExtentKind::Unmapped))
    }

    fn of(offset: u64, length: u64, kind: u8) -> Self {
        let kind = if kind == 0 { ExtentKind::Changed } else { ExtentKind::Unmapped };
        Self { range: Range { offset, length }, kind }
    }
}
