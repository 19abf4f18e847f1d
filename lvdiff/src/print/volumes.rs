//! The thin volumes of this machine, for people and scripts.

use cli::table::{self, Column};
use flow::{human, time_text};
use serde::Serialize;
use source::Listed;

use crate::request::Form;

/// A thin volume, as printed.
#[derive(Serialize)]
struct Line<'a> {
    name: String,
    pool: Option<&'a str>,
    thin_id: Option<u32>,
    uuid: &'a str,
    size: u64,
    /// The total size of its mapped chunks, including those past its end; `None` if unknown.
    mapped_bytes: Option<u64>,
    origin: Option<&'a str>,
    created: Option<u64>,
    tags: &'a [String],
    active: bool,
}

/// Prints the volumes as a table, or as a JSON array of objects.
pub(crate) fn print(volumes: &[Listed], form: Form) -> anyhow::Result<()> {
    let lines: Vec<_> = volumes.iter().map(Line::new).collect();
    cli::print(|out| match form {
        Form::Json => table::print_json(&lines, out),
        Form::Text { wide } => table::print(COLUMNS, lines.iter().map(row), wide, out),
    })
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

const COLUMNS: [Column; 10] = [
    Column::text("VOLUME"),
    Column::text("POOL"),
    Column::number("ID"),
    Column::number("SIZE"),
    Column::number("MAPPED"),
    Column::text("ORIGIN"),
    Column::text("CREATED"),
    Column::text("ACTIVE"),
    Column::text("UUID").wide(),
    Column::text("TAGS").wide(),
];

/// A line's cells. No cell is empty, so that tools that count columns work.
fn row(line: &Line<'_>) -> [String; COLUMNS.len()] {
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
        let table = |wide| {
            let mut table = Vec::new();
            table::print(COLUMNS, lines.iter().map(row), wide, &mut table).unwrap();
            String::from_utf8(table).unwrap()
        };
        let expected = "\
VOLUME         POOL   ID     SIZE   MAPPED  ORIGIN  CREATED               ACTIVE
vg0/a          pool0   7  1.0 GiB  1.5 MiB  -       2026-11-21T00:00:00Z  yes
vg0/long-name  pool0   7  1.0 GiB        -  -       2026-11-21T00:00:00Z  yes
";
        assert_eq!(table(false), expected);
        let expected = "\
VOLUME         POOL   ID     SIZE   MAPPED  ORIGIN  CREATED               ACTIVE  UUID     TAGS
vg0/a          pool0   7  1.0 GiB  1.5 MiB  -       2026-11-21T00:00:00Z  yes     abc-def  a,b=1
vg0/long-name  pool0   7  1.0 GiB        -  -       2026-11-21T00:00:00Z  yes     abc-def  a,b=1
";
        assert_eq!(table(true), expected);
        let mut json = Vec::new();
        table::print_json(&lines[1..], &mut json).unwrap();
        let expected = r#"[
{"name":"vg0/long-name","pool":"pool0","thin_id":7,"uuid":"abc-def","size":1073741824,"mapped_bytes":null,"origin":null,"created":1795219200,"tags":["a","b=1"],"active":true}
]
"#;
        assert_eq!(String::from_utf8(json).unwrap(), expected);
    }
}
