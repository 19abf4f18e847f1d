//! The extents themselves, for people and scripts.

use std::io::{self, BufWriter, Write};

use serde::Serialize;
use source::{Extent, Label, Pair, Series, Sums};
use thinmeta::ExtentKind;

use super::described::Described;

#[derive(Serialize)]
struct Line {
    offset: u64,
    length: u64,
    kind: &'static str,
}

impl Line {
    fn new(extent: Extent) -> Self {
        Self {
            offset: extent.range().offset,
            length: extent.range().length,
            kind: match extent.kind() {
                ExtentKind::Changed => "changed",
                ExtentKind::Unmapped => "unmapped",
            },
        }
    }
}

/// Prints headings, and a row for each extent of a volume of `size` bytes: offset, length and kind. Yields what they come to. No
/// row waits for the next ones: the columns are as wide as the volume's size.
pub(crate) fn table(extents: &Series<Extent>, size: u64, out: impl Write) -> io::Result<Sums> {
    const HEADINGS: [&str; 2] = ["OFFSET", "LENGTH"];
    let mut out = BufWriter::new(out);
    let mut sums = Sums::default();
    let width = size.to_string().len().max(HEADINGS[0].len());
    writeln!(out, "{:>width$}  {:>width$}  KIND", HEADINGS[0], HEADINGS[1])?;
    for extent in extents {
        let extent = extent?;
        sums.add(extent);
        let Line { offset, length, kind } = Line::new(extent);
        writeln!(out, "{offset:>width$}  {length:>width$}  {kind}")?;
    }
    out.flush()?;
    Ok(sums)
}

/// Prints one object: what is said of the volumes as a whole, and a list of extents, each on a line of its own.
pub(crate) fn json(
    labels: &(Option<Label>, Label),
    pair: &Pair,
    out: impl Write,
) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    let described = serde_json::to_string(&Described::new(labels, pair)?)?;
    let open = described.strip_suffix('}').unwrap_or(&described);
    write!(out, "{open},\"extents\":[")?;
    for (number, extent) in pair.changes.extents.iter().enumerate() {
        write!(out, "{}", if number == 0 { "\n" } else { ",\n" })?;
        serde_json::to_writer(&mut out, &Line::new(extent?))?;
    }
    write!(out, "\n]}}\n")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use blockio::Range;
    use source::Changes;

    use super::*;

    #[test]
    fn columns_are_aligned_and_totals_are_those_of_the_rows() {
        let mut changes = Changes::new(65536);
        for (offset, length, kind) in [
            (0, 65536, ExtentKind::Changed),
            (1 << 20, 131_072, ExtentKind::Unmapped),
            (512 << 20, 65536, ExtentKind::Changed),
        ] {
            changes.add(Range { offset, length }, kind).unwrap();
        }
        let mut text = Vec::new();
        let sums = table(&changes.extents, 1 << 30, &mut text).unwrap();
        let expected = "    OFFSET      LENGTH  KIND
         0       65536  changed
   1048576      131072  unmapped
 536870912       65536  changed
";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
        assert_eq!(sums, Sums::of(&changes.extents).unwrap());
        let mut text = Vec::new();
        let none = table(&Series::default(), 512, &mut text).unwrap();
        assert_eq!((none, text), (Sums::default(), b"OFFSET  LENGTH  KIND\n".to_vec()));
    }
}
