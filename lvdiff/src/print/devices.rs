//! The thin devices in a pool's metadata, for people and scripts.

use cli::table::{self, Column};
use flow::human;
use serde::Serialize;
use source::ListedDevice;

/// A thin device, as printed.
#[derive(Serialize)]
struct Line {
    thin_id: u32,
    /// The total size of its mapped chunks.
    mapped_bytes: u64,
    transaction_id: u64,
    /// The pool's times count its snapshots; they are not clock times.
    creation_time: u32,
    snapshot_time: u32,
}

/// Prints the devices as a table, or as a JSON array of objects.
pub(crate) fn print(devices: &[ListedDevice], json: bool) -> anyhow::Result<()> {
    let lines: Vec<_> = devices.iter().map(Line::new).collect();
    cli::print(|out| match json {
        true => table::print_json(&lines, out),
        false => table::print(COLUMNS, lines.iter().map(row), false, out),
    })
}

impl Line {
    fn new(device: &ListedDevice) -> Self {
        let info = &device.info;
        Self {
            thin_id: info.id.get(),
            mapped_bytes: device.mapped_bytes,
            transaction_id: info.transaction_id,
            creation_time: info.creation_time,
            snapshot_time: info.snapshotted_time,
        }
    }
}

/// The times have thin_ls's names: CREATED would suggest a date.
const COLUMNS: [Column; 5] = [
    Column::number("ID"),
    Column::number("MAPPED"),
    Column::number("TRANSACTION"),
    Column::number("CREATE_TIME"),
    Column::number("SNAP_TIME"),
];

fn row(line: &Line) -> [String; COLUMNS.len()] {
    [
        line.thin_id.to_string(),
        human(line.mapped_bytes),
        line.transaction_id.to_string(),
        line.creation_time.to_string(),
        line.snapshot_time.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_aligned_columns_and_json_has_numbers() {
        let line = |thin_id, mapped_bytes| Line {
            thin_id,
            mapped_bytes,
            transaction_id: 12,
            creation_time: 3,
            snapshot_time: 4,
        };
        let lines = [line(7, 1_572_864), line(10, 0)];
        let mut table = Vec::new();
        table::print(COLUMNS, lines.iter().map(row), false, &mut table).unwrap();
        let expected = "\
ID   MAPPED  TRANSACTION  CREATE_TIME  SNAP_TIME
 7  1.5 MiB           12            3          4
10  0 bytes           12            3          4
";
        assert_eq!(String::from_utf8(table).unwrap(), expected);
        let mut json = Vec::new();
        table::print_json(&lines[..1], &mut json).unwrap();
        let expected = r#"[
{"thin_id":7,"mapped_bytes":1572864,"transaction_id":12,"creation_time":3,"snapshot_time":4}
]
"#;
        assert_eq!(String::from_utf8(json).unwrap(), expected);
    }
}
