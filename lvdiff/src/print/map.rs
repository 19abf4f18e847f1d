//! Maps of what changed, in the formats of other tools.

use std::io::{self, BufWriter, Write};

use serde::Serialize;
use source::{Changes, Compared, Label, Pair};
use thinmeta::{ExtentKind, Relation};

use crate::cli::MapFormat;
use crate::print::list;

/// Prints what changed, in the given format. `labels`: the base's and the target's.
pub(crate) fn print(
    labels: &(Option<Label>, Label),
    pair: &Pair,
    format: MapFormat,
    out: impl Write,
) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    match format {
        MapFormat::Json => list::json(labels, pair, &mut out)?,
        MapFormat::Borg => borg(pair, &mut out)?,
        MapFormat::Rbd => rbd(&pair.changes, &mut out)?,
        MapFormat::ThinDelta => {
            let missing = || io::Error::other("the volumes' blocks have not been compared");
            thin_delta(pair.compared.as_ref().ok_or_else(missing)?, &mut out)?;
        }
    }
    out.flush()
}

/// Lines `START LENGTH data|zero|same`, each beginning where the previous one ends, from 0 to the target's
/// size. After the base's end, unchanged ranges are zero: there is nothing to be the same as.
fn borg(pair: &Pair, out: &mut impl Write) -> io::Result<()> {
    let (base, target) = (pair.base_size(), pair.names.target.size);
    let mut place = 0;
    let mut line = |place: &mut u64, end: u64, what: &str| {
        if *place < end {
            writeln!(out, "{place} {} {what}", end - *place)?;
            *place = end;
        }
        io::Result::Ok(())
    };
    for extent in &pair.changes.extents {
        let extent = extent?;
        let range = extent.range();
        line(&mut place, range.offset.min(base), "same")?;
        line(&mut place, range.offset, "zero")?;
        let what = if extent.kind() == ExtentKind::Changed { "data" } else { "zero" };
        line(&mut place, range.offset + range.length, what)?;
    }
    line(&mut place, target.min(base), "same")?;
    line(&mut place, target, "zero")
}

#[derive(Serialize)]
struct RbdExtent {
    offset: u64,
    length: u64,
    /// A string, not a boolean.
    exists: &'static str,
}

/// An array of objects without spaces, on one line.
fn rbd(changes: &Changes, out: &mut impl Write) -> io::Result<()> {
    write!(out, "[")?;
    for (number, extent) in changes.extents.iter().enumerate() {
        let extent = extent?;
        if number > 0 {
            write!(out, ",")?;
        }
        let (range, exists) = (extent.range(), extent.kind() == ExtentKind::Changed);
        let exists = if exists { "true" } else { "false" };
        let extent = RbdExtent { offset: range.offset, length: range.length, exists };
        serde_json::to_writer(&mut *out, &extent)?;
    }
    writeln!(out, "]")
}

/// What `thin_delta --snap1 BASE --snap2 TARGET` prints. It ignores the volumes' sizes, which the metadata does
/// not contain.
fn thin_delta(compared: &Compared, out: &mut impl Write) -> io::Result<()> {
    write!(
        out,
        "<superblock uuid=\"\" time=\"{}\" transaction=\"{}\" data_block_size=\"{}\" \
         nr_data_blocks=\"{}\"",
        compared.time,
        compared.transaction_id,
        compared.chunk_size / 512,
        compared.data_blocks
    )?;
    if let Some(block) = compared.held_root {
        write!(out, " metadata_snap=\"{block}\"")?;
    }
    let base = compared.base.ok_or_else(|| io::Error::other("there is no base"))?.get();
    writeln!(out, ">\n  <diff left=\"{base}\" right=\"{}\">", compared.target.get())?;
    for stretch in &compared.stretches {
        let stretch = stretch?;
        let name = match stretch.relation {
            Relation::Same => "same",
            Relation::Different => "different",
            Relation::BaseOnly => "left_only",
            Relation::TargetOnly => "right_only",
        };
        let (begin, length) = (stretch.begin, stretch.length);
        writeln!(out, "    <{name} begin=\"{begin}\" length=\"{length}\"/>")?;
    }
    writeln!(out, "  </diff>\n</superblock>")
}
