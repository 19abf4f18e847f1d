//! Prints a list as a table or as JSON.

use std::io::{self, Write};

use serde::Serialize;

/// A column of a table.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    heading: &'static str,
    is_number: bool,
}

impl Column {
    pub(crate) const fn text(heading: &'static str) -> Self {
        Self { heading, is_number: false }
    }

    /// Numbers are aligned to the right, like their heading.
    pub(crate) const fn number(heading: &'static str) -> Self {
        Self { heading, is_number: true }
    }
}

/// Prints headings, and rows of cells below them.
pub(crate) fn print<const N: usize>(
    columns: [Column; N],
    rows: impl Iterator<Item = [String; N]>,
    mut out: impl Write,
) -> io::Result<()> {
    let mut lines = vec![columns.map(|column| column.heading.to_owned())];
    lines.extend(rows);
    let mut widths = [0; N];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.len().max(*width);
        }
    }
    for line in lines {
        let mut text = String::new();
        for ((cell, width), column) in line.iter().zip(widths).zip(columns) {
            text += &match column.is_number {
                true => format!("{cell:>width$}  "),
                false => format!("{cell:width$}  "),
            };
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    out.flush()
}

/// Prints a JSON array of objects, one to a line.
pub(crate) fn print_json(objects: &[impl Serialize], mut out: impl Write) -> io::Result<()> {
    write!(out, "[")?;
    for (number, object) in objects.iter().enumerate() {
        write!(out, "{}", if number == 0 { "\n" } else { ",\n" })?;
        serde_json::to_writer(&mut out, object)?;
    }
    write!(out, "\n]\n")?;
    out.flush()
}
