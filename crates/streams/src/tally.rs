//! [`Tally`]: totals of several streams that were read or applied.

use hyperlayer::Totals;

use crate::link::Link;

/// How many streams, and what was in them together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many there were.
    pub streams: usize,
    /// Their records.
    pub totals: Totals,
    /// For at least one of them it is unknown whether all of it arrived: its format has no end marker.
    pub is_open: bool,
}

impl Tally {
    /// Counts another stream, with `totals` in it.
    pub fn add(&mut self, link: &Link, totals: Totals) {
        self.join(&Self { streams: 1, totals, is_open: !link.has_end() });
    }

    /// Counts what another tally counts.
    pub fn join(&mut self, other: &Self) {
        self.streams = self.streams.saturating_add(other.streams);
        self.totals = self.totals.with(other.totals);
        self.is_open |= other.is_open;
    }
}
