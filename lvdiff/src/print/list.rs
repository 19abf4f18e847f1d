//! The extents themselves, for people and scripts.

use std::io::{self, BufWriter, Write};

use serde::Serialize;
use source::{Extent, Series};
use thinmeta::ExtentKind;

#[derive(Serialize)]
struct Line {
    offset: u64,
    length: u64,
    kind: &'static str,
}

/// Prints one line for each extent: offset, length and kind, or a JSON array of objects with them.
pub(crate) fn print(extents: &Series<Extent>, json: bool, out: impl Write) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    if json {
        write!(out, "[")?;
    }
    for (number, extent) in extents.iter().enumerate() {
        let extent = extent?;
        let line = Line {
            offset: extent.range().offset,
            length: extent.range().length,
            kind: match extent.kind() {
                ExtentKind::Changed => "changed",
                ExtentKind::Unmapped => "unmapped",
            },
        };
        if json {
            write!(out, "{}", if number == 0 { "\n" } else { ",\n" })?;
            serde_json::to_writer(&mut out, &line)?;
        } else {
            writeln!(out, "{} {} {}", line.offset, line.length, line.kind)?;
        }
    }
    if json {
        write!(out, "\n]\n")?;
    }
    out.flush()
}
