//! [`Tally`]: what was read or applied of several streams.

use hyperlayer::Totals;

use crate::link::Link;

/// How many streams, and what was in them together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many there were.
    pub streams: usize,
    /// Their records.
    pub totals: Totals,
    /// Of one of them at least, nobody can tell whether all of it arrived: its format has no end.
    pub is_open: bool,
}

impl Tally {
    /// Counts another stream, with `totals` in it.
    pub fn add(&mut self, link: &Link, totals: Totals) {
        self.streams = self.streams.saturating_add(1);
        self.totals = self.totals.with(totals);
        self.is_open |= !link.has_end();
    }
}
