//! The thin volumes that there are, for people and scripts.

use std::io::{self, Write};

use flow::{human, time_text};
use serde::Serialize;
use source::Listed;

/// A thin volume, as it is printed.
#[derive(Serialize)]
struct Line<'a> {
    name: String,
    pool: Option<&'a str>,
    thin_id: Option<u32>,
    uuid: &'a str,
    size: u64,
    /// What its mapped chunks hold, those past its end included; none where it is not known.
    mapped_bytes: Option<u64>,
    origin: Option<&'a str>,
    created: Option<u64>,
    tags: &'a [String],
    active: bool,
}

/// Prints the volumes as a table, or as a JSON array of objects.
pub(crate) fn print(volumes: &[Listed], json: bool) -> anyhow::Result<()> {
    let lines: Vec<_> = volumes.iter().map(Line::new).collect();
    cli::print(|out| if json { print_json(&lines, out) } else { print_table(&lines, out) })
}

impl<'a> Line<'a> {
    fn new(listed: &'a Listed) -> Self {
        let volume = &listed.volume;
        Self {
            name: volume.full_name(),
            pool: volume.pool.as_deref(),
            thin_id: volume.thin_id,
            uuid: &volume.uuid,
            size: volume.size,
            mapped_bytes: listed.mapped_bytes,
            origin: volume.origin.as_deref(),
            created: volume.created,
            tags: &volume.tags,
            active: listed.is_active,
        }
    }
}

fn print_json(lines: &[Line<'_>], mut out: impl Write) -> io::Result<()> {
    write!(out, "[")?;
    for (number, line) in lines.iter().enumerate() {
        write!(out, "{}", if number == 0 { "\n" } else { ",\n" })?;
        serde_json::to_writer(&mut out, line)?;
    }
    write!(out, "\n]\n")?;
    out.flush()
}

const HEADINGS: [&str; 10] =
    ["VOLUME", "POOL", "ID", "SIZE", "MAPPED", "ORIGIN", "CREATED", "ACTIVE", "UUID", "TAGS"];

fn print_table(lines: &[Line<'_>], mut out: impl Write) -> io::Result<()> {
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.extend(lines.iter().map(row));
    let mut widths = [0; HEADINGS.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.len().max(*width);
        }
    }
    for row in rows {
        let mut text = String::new();
        for (number, (cell, width)) in row.iter().zip(widths).enumerate() {
            // Numbers end where their headings end.
            text += &match HEADINGS[number] {
                "ID" | "SIZE" | "MAPPED" => format!("{cell:>width$}  "),
                _ => format!("{cell:width$}  "),
            };
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    out.flush()
}

/// A line's cells. None is empty, so that what counts columns finds them.
fn row(line: &Line<'_>) -> [String; HEADINGS.len()] {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    [
        line.name.clone(),
        or_none(line.pool.map(Into::into)),
        or_none(line.thin_id.map(|id| id.to_string())),
        human(line.size),
        or_none(line.mapped_bytes.map(human)),
        or_none(line.origin.map(Into::into)),
        or_none(line.created.map(time_text)),
        if line.active { "yes" } else { "no" }.into(),
        line.uuid.into(),
        or_none(Some(line.tags.join(",")).filter(|tags| !tags.is_empty())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_aligned_columns_and_json_has_numbers() {
        let tags = ["a".to_owned(), "b=1".to_owned()];
        let line = |name: &str, mapped_bytes| Line {
            name: name.into(),
            pool: Some("pool0"),
            thin_id: Some(7),
            uuid: "abc-def",
            size: 1 << 30,
            mapped_bytes,
            origin: None,
            created: Some(1_795_219_200),
            tags: &tags[..],
            active: true,
        };
        let lines = [line("vg0/a", Some(1_572_864)), line("vg0/long-name", None)];
        let mut table = Vec::new();
        print_table(&lines, &mut table).unwrap();
        let expected = "\
VOLUME         POOL   ID     SIZE   MAPPED  ORIGIN  CREATED               ACTIVE  UUID     TAGS
vg0/a          pool0   7  1.0 GiB  1.5 MiB  -       2026-11-21T00:00:00Z  yes     abc-def  a,b=1
vg0/long-name  pool0   7  1.0 GiB        -  -       2026-11-21T00:00:00Z  yes     abc-def  a,b=1
";
        assert_eq!(String::from_utf8(table).unwrap(), expected);
        let mut json = Vec::new();
        print_json(&lines[1..], &mut json).unwrap();
        let expected = r#"[
{"name":"vg0/long-name","pool":"pool0","thin_id":7,"uuid":"abc-def","size":1073741824,"mapped_bytes":null,"origin":null,"created":1795219200,"tags":["a","b=1"],"active":true}
]
"#;
        assert_eq!(String::from_utf8(json).unwrap(), expected);
    }
}
