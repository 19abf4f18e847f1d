//! Prints a list as a table or as JSON.

use std::io::{self, Write};

use serde::Serialize;

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    heading: &'static str,
    is_number: bool,
    is_wide: bool,
}

impl Column {
    /// A column of words.
    pub const fn text(heading: &'static str) -> Self {
        Self { heading, is_number: false, is_wide: false }
    }

    /// Numbers are aligned to the right, like their heading.
    pub const fn number(heading: &'static str) -> Self {
        Self { heading, is_number: true, is_wide: false }
    }

    /// Only for those who ask for all columns.
    pub const fn wide(self) -> Self {
        Self { is_wide: true, ..self }
    }
}

/// Prints headings, and rows of cells below them; `wide`: with all columns.
///
/// # Errors
/// If it cannot be written.
pub fn print<const N: usize>(
    columns: [Column; N],
    rows: impl Iterator<Item = [String; N]>,
    wide: bool,
    mut out: impl Write,
) -> io::Result<()> {
    let mut lines = vec![columns.map(|column| column.heading.to_owned())];
    lines.extend(rows);
    let mut widths = [0; N];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    for line in lines {
        let mut text = String::new();
        let cells = line.iter().zip(widths).zip(columns);
        for ((cell, width), column) in cells.filter(|(_, column)| wide || !column.is_wide) {
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
///
/// # Errors
/// If it cannot be written, or an object has no JSON.
pub fn print_json(objects: &[impl Serialize], mut out: impl Write) -> io::Result<()> {
    json_array(objects, &mut out)?;
    writeln!(out)?;
    out.flush()
}

/// Prints a JSON object that has such an array as its one field.
///
/// # Errors
/// As [`print_json`].
pub fn print_json_of(
    name: &str,
    objects: &[impl Serialize],
    mut out: impl Write,
) -> io::Result<()> {
    write!(out, "{{\"{name}\":")?;
    json_array(objects, &mut out)?;
    writeln!(out, "}}")?;
    out.flush()
}

fn json_array(objects: &[impl Serialize], out: &mut impl Write) -> io::Result<()> {
    write!(out, "[")?;
    for (number, object) in objects.iter().enumerate() {
        write!(out, "{}", if number == 0 { "\n" } else { ",\n" })?;
        serde_json::to_writer(&mut *out, object)?;
    }
    write!(out, "\n]")
}
