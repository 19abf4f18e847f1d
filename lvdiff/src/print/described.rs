//! [`Described`]: what is said of two volumes as a whole, in a summary, and before a list of their extents.

use std::io::{self, Write};

use serde::Serialize;
use source::{Label, Pair, Sums};

use super::figures::percent;

/// Two volumes, and how much changed.
#[derive(Serialize)]
pub(crate) struct Described<'a> {
    /// None if everything mapped counts as changed.
    pub(crate) base: Option<Volume<'a>>,
    pub(crate) volume: Volume<'a>,
    pub(crate) chunk_size: u64,
    pub(crate) totals: Totals,
}

/// A volume; what its source does not say is null.
#[derive(Serialize)]
pub(crate) struct Volume<'a> {
    name: Option<&'a str>,
    uuid: Option<&'a str>,
    thin_id: Option<u32>,
    pub(crate) size: u64,
}

#[derive(Clone, Copy, Serialize)]
pub(crate) struct Totals {
    pub(crate) extents: u64,
    pub(crate) changed_bytes: u64,
    /// Of the volume's size.
    pub(crate) changed_percent: f64,
    pub(crate) unmapped_bytes: u64,
}

impl<'a> Described<'a> {
    /// `labels`: the base's and the target's.
    pub(crate) fn new(labels: &'a (Option<Label>, Label), pair: &Pair) -> io::Result<Self> {
        let (base, target) = labels;
        let size = pair.names.target.size;
        Ok(Self {
            base: base.as_ref().map(|base| Volume::new(base, pair.base_size())),
            volume: Volume::new(target, size),
            chunk_size: pair.changes.chunk_size,
            totals: Totals::new(&Sums::of(&pair.changes.extents)?, size),
        })
    }

    /// An object on one line.
    pub(crate) fn print_json(&self, mut out: impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut out, self)?;
        writeln!(out)
    }
}

impl<'a> Volume<'a> {
    fn new(label: &'a Label, size: u64) -> Self {
        let Label { name, uuid, thin_id } = label;
        Self { name: name.as_deref(), uuid: uuid.as_deref(), thin_id: *thin_id, size }
    }

    /// Its name, or what it is known by without one.
    pub(crate) fn text(&self) -> String {
        match (self.name, self.thin_id) {
            (Some(name), _) => name.into(),
            (None, Some(id)) => format!("thin id {id}"),
            (None, None) => "no name".into(),
        }
    }
}

impl Totals {
    pub(crate) fn new(sums: &Sums, size: u64) -> Self {
        Self {
            extents: sums.extents,
            changed_bytes: sums.changed_bytes,
            changed_percent: percent(sums.changed_bytes, size),
            unmapped_bytes: sums.unmapped_bytes,
        }
    }
}
