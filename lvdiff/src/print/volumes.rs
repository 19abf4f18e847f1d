//! The thin volumes of this machine, for people and scripts.

use cli::table::{self, Column};
use flow::{age_text, human, time_text};
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

/// Prints the volumes as a table, or as one JSON object. `now` is in seconds since 1970.
pub(crate) fn print(volumes: &[Listed], form: Form, now: u64) -> anyhow::Result<()> {
    let lines: Vec<_> = volumes.iter().map(Line::new).collect();
    cli::print(|out| match form {
        Form::Json => table::print_json_of("volumes", &lines, out),
        Form::Text { wide } => {
            table::print(COLUMNS, lines.iter().map(|line| row(line, now)), wide, out)
        }
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

/// What is always shown fits into 80 columns with names of 28 characters, their group's included.
const COLUMNS: [Column; 11] = [
    Column::text("VOLUME"),
    Column::number("SIZE"),
    Column::number("MAPPED"),
    Column::number("AGE"),
    Column::text("ORIGIN"),
    Column::text("POOL").wide(),
    Column::number("ID").wide(),
    Column::text("ACTIVE").wide(),
    Column::text("CREATED").wide(),
    Column::text("UUID").wide(),
    Column::text("TAGS").wide(),
];

/// A line's cells. No cell is empty, so that tools that count columns work.
fn row(line: &Line<'_>, now: u64) -> [String; COLUMNS.len()] {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    [
        line.name.clone(),
        human(line.size),
        or_none(line.mapped_bytes.map(human)),
        or_none(line.created.map(|created| age_text(now.saturating_sub(created)))),
        or_none(line.origin.map(Into::into)),
        or_none(line.pool.map(Into::into)),
        or_none(line.thin_id.map(|id| id.to_string())),
        if line.active { "yes" } else { "no" }.into(),
        or_none(line.created.map(time_text)),
        line.uuid.into(),
        or_none(Some(line.tags.join(",")).filter(|tags| !tags.is_empty())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line<'a>(name: &str, mapped_bytes: Option<u64>, tags: &'a [String]) -> Line<'a> {
        Line {
            name: name.into(),
            pool: Some("pool0"),
            thin_id: Some(7),
            uuid: "abc-def",
            size: 1 << 30,
            mapped_bytes,
            origin: None,
            created: Some(1_795_219_200),
            tags,
            active: true,
        }
    }

    fn table(lines: &[Line<'_>], wide: bool) -> String {
        let mut table = Vec::new();
        let rows = lines.iter().map(|line| row(line, 1_795_219_200 + 7200));
        table::print(COLUMNS, rows, wide, &mut table).unwrap();
        String::from_utf8(table).unwrap()
    }

    #[test]
    fn a_table_has_aligned_columns_and_json_has_numbers() {
        let tags = ["a".to_owned(), "b=1".to_owned()];
        let mut lines = [line("vg0/a", Some(1_572_864), &tags), line("vg0/long-name", None, &tags)];
        lines[1].origin = Some("a");
        let expected = "\
VOLUME            SIZE   MAPPED  AGE  ORIGIN
vg0/a          1.0 GiB  1.5 MiB   2h  -
vg0/long-name  1.0 GiB        -   2h  a
";
        assert_eq!(table(&lines, false), expected);
        let expected = "\
VOLUME            SIZE   MAPPED  AGE  ORIGIN  POOL   ID  ACTIVE  CREATED               UUID     TAGS
vg0/a          1.0 GiB  1.5 MiB   2h  -       pool0   7  yes     2026-11-21T00:00:00Z  abc-def  a,b=1
vg0/long-name  1.0 GiB        -   2h  a       pool0   7  yes     2026-11-21T00:00:00Z  abc-def  a,b=1
";
        assert_eq!(table(&lines, true), expected);
        let mut json = Vec::new();
        table::print_json_of("volumes", &lines[1..], &mut json).unwrap();
        let expected = r#"{"volumes":[
{"name":"vg0/long-name","pool":"pool0","thin_id":7,"uuid":"abc-def","size":1073741824,"mapped_bytes":null,"origin":"a","created":1795219200,"tags":["a","b=1"],"active":true}
]}
"#;
        assert_eq!(String::from_utf8(json).unwrap(), expected);
    }

    #[test]
    fn the_names_that_proxmox_gives_fit_into_80_columns() {
        let disk = "vm-100-disk-0";
        let snapshot = format!("pve/snap_{disk}_monday");
        let wide = 1023 * (1 << 30);
        let lines = [
            Line { size: wide, ..line(&format!("pve/{disk}"), Some(wide), &[]) },
            Line { origin: Some(disk), size: wide, ..line(&snapshot, Some(wide), &[]) },
        ];
        let long = [line(&format!("pve/{}", "x".repeat(40)), Some(wide), &[])];
        for table in [table(&lines, false), table(&long, false)] {
            assert!(table.lines().all(|line| line.len() <= 80), "{table}");
        }
    }
}
