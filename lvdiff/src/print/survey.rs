//! How much each thin volume changed since its newest snapshot, for people and scripts.

use cli::table::{self, Column};
use flow::{age_text, human};
use serde::Serialize;
use source::{Since, Surveyed};

use super::described::Totals;
use super::figures::share;
use crate::request::Form;

/// A thin volume, as printed.
#[derive(Serialize)]
pub(crate) struct Row<'a> {
    name: String,
    pool: Option<&'a str>,
    thin_id: Option<u32>,
    uuid: &'a str,
    size: u64,
    active: bool,
    #[serde(skip)]
    is_snapshot: bool,
    /// None if it has no snapshot.
    snapshot: Option<Snapshot<'a>>,
    /// None if it is unknown.
    totals: Option<Totals>,
    /// Why it is unknown, if there is a snapshot.
    error: Option<String>,
}

#[derive(Serialize)]
struct Snapshot<'a> {
    name: String,
    thin_id: Option<u32>,
    uuid: &'a str,
    created: Option<u64>,
    age_seconds: Option<u64>,
    #[serde(skip)]
    short_name: &'a str,
}

impl<'a> Row<'a> {
    /// `now` is in seconds since 1970; `reason` puts an error into words.
    pub(crate) fn new(
        surveyed: &'a Surveyed,
        now: u64,
        reason: impl Fn(&anyhow::Error) -> String,
    ) -> Self {
        let volume = &surveyed.volume;
        let snapshot = |since: &'a Since| Snapshot {
            name: since.snapshot.full_name(),
            thin_id: since.snapshot.thin_id,
            uuid: &since.snapshot.uuid,
            created: since.snapshot.created,
            age_seconds: since.snapshot.created.map(|created| now.saturating_sub(created)),
            short_name: &since.snapshot.name,
        };
        let since = surveyed.since.as_ref();
        let sums = since.map(|since| &since.sums);
        Self {
            name: volume.full_name(),
            pool: volume.pool.as_deref(),
            thin_id: volume.thin_id,
            uuid: &volume.uuid,
            size: volume.size,
            active: surveyed.is_active,
            is_snapshot: surveyed.is_snapshot,
            snapshot: since.map(snapshot),
            totals: sums
                .and_then(|sums| sums.as_ref().ok())
                .map(|sums| Totals::new(sums, volume.size)),
            error: sums.and_then(|sums| sums.as_ref().err()).map(|why| reason(why)),
        }
    }

    pub(crate) fn has_snapshot(&self) -> bool {
        self.snapshot.is_some()
    }

    /// Whether it could not be compared with the snapshot that it has.
    pub(crate) fn has_failed(&self) -> bool {
        self.error.is_some()
    }

    /// Whether it is printed. There can be many snapshots that nobody uses, and that these have no snapshot is no news.
    pub(crate) fn is_shown(&self, form: Form) -> bool {
        form != Form::Text { wide: false }
            || self.has_snapshot()
            || self.active
            || !self.is_snapshot
    }
}

/// Prints the volumes as a table, or as a JSON object.
pub(crate) fn print(rows: &[Row<'_>], form: Form) -> anyhow::Result<()> {
    cli::print(|out| match form {
        Form::Json => table::print_json_of("volumes", rows, out),
        Form::Text { wide } => {
            let shown = rows.iter().filter(|row| row.is_shown(form));
            table::print(COLUMNS, shown.map(cells), wide, out)
        }
    })
}

/// The last column needs no heading: it is for a volume without figures, and says why.
const COLUMNS: [Column; 8] = [
    Column::text("VOLUME"),
    Column::text("SNAPSHOT"),
    Column::number("AGE"),
    Column::number("CHANGED"),
    Column::number("SHARE"),
    Column::number("UNMAPPED").wide(),
    Column::text("UUID").wide(),
    Column::text(""),
];

/// A row's cells. None but the last is empty, so that tools that count columns work.
fn cells(row: &Row<'_>) -> [String; COLUMNS.len()] {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    let (snapshot, totals) = (row.snapshot.as_ref(), row.totals);
    [
        row.name.clone(),
        or_none(snapshot.map(|snapshot| snapshot.short_name.into())),
        or_none(snapshot.and_then(|snapshot| snapshot.age_seconds).map(age_text)),
        or_none(totals.map(|totals| human(totals.changed_bytes))),
        or_none(totals.map(|totals| share(totals.changed_bytes, row.size))),
        or_none(totals.map(|totals| human(totals.unmapped_bytes))),
        row.uuid.into(),
        match (&row.error, snapshot) {
            (Some(why), _) => why.clone(),
            (None, None) => "no snapshot".into(),
            (None, Some(_)) => String::new(),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, totals: Option<(u64, u64)>, error: Option<&str>) -> Row<'static> {
        let snapshot = || Snapshot {
            name: format!("{name}-mon"),
            thin_id: Some(8),
            uuid: "snap",
            created: Some(1_795_219_200),
            age_seconds: Some(7200),
            short_name: "mon",
        };
        let has_snapshot = totals.is_some() || error.is_some();
        Row {
            name: name.into(),
            pool: Some("pool0"),
            thin_id: Some(7),
            uuid: "abc-def",
            size: 1 << 30,
            active: false,
            is_snapshot: false,
            snapshot: has_snapshot.then(snapshot),
            totals: totals.map(|(changed_bytes, unmapped_bytes)| Totals {
                extents: 3,
                changed_bytes,
                changed_percent: 12.5,
                unmapped_bytes,
            }),
            error: error.map(Into::into),
        }
    }

    #[test]
    fn a_table_has_aligned_columns_and_json_has_numbers() {
        let rows = [
            row("vg0/vm-1", Some((128 << 20, 65536)), None),
            row("vg0/vm-2", Some((0, 0)), None),
            row("vg0/vm-3", None, Some("it is damaged")),
            row("vg0/vm-4", None, None),
        ];
        let table = |wide| {
            let mut table = Vec::new();
            table::print(COLUMNS, rows.iter().map(cells), wide, &mut table).unwrap();
            String::from_utf8(table).unwrap()
        };
        let expected = "\
VOLUME    SNAPSHOT  AGE    CHANGED  SHARE
vg0/vm-1  mon        2h  128.0 MiB  12.5%
vg0/vm-2  mon        2h    0 bytes     0%
vg0/vm-3  mon        2h          -      -  it is damaged
vg0/vm-4  -           -          -      -  no snapshot
";
        assert_eq!(table(false), expected);
        let expected = "\
VOLUME    SNAPSHOT  AGE    CHANGED  SHARE  UNMAPPED  UUID
vg0/vm-1  mon        2h  128.0 MiB  12.5%  64.0 KiB  abc-def
vg0/vm-2  mon        2h    0 bytes     0%   0 bytes  abc-def
vg0/vm-3  mon        2h          -      -         -  abc-def  it is damaged
vg0/vm-4  -           -          -      -         -  abc-def  no snapshot
";
        assert_eq!(table(true), expected);
        let mut json = Vec::new();
        table::print_json_of("volumes", &rows[..1], &mut json).unwrap();
        let expected = r#"{"volumes":[
{"name":"vg0/vm-1","pool":"pool0","thin_id":7,"uuid":"abc-def","size":1073741824,"active":false,"snapshot":{"name":"vg0/vm-1-mon","thin_id":8,"uuid":"snap","created":1795219200,"age_seconds":7200},"totals":{"extents":3,"changed_bytes":134217728,"changed_percent":12.5,"unmapped_bytes":65536},"error":null}
]}
"#;
        assert_eq!(String::from_utf8(json).unwrap(), expected);
    }

    #[test]
    fn a_snapshot_that_nobody_uses_and_that_has_none_is_left_out_of_the_narrow_table() {
        let narrow = Form::Text { wide: false };
        let leaf = || Row { is_snapshot: true, ..row("vg0/mon", None, None) };
        assert!(!leaf().is_shown(narrow));
        assert!(leaf().is_shown(Form::Text { wide: true }) && leaf().is_shown(Form::Json));
        assert!(Row { active: true, ..leaf() }.is_shown(narrow));
        assert!(Row { is_snapshot: false, ..leaf() }.is_shown(narrow));
        assert!(Row { is_snapshot: true, ..row("vg0/mon", Some((0, 0)), None) }.is_shown(narrow));
    }
}
