//! Whether LVM activates a volume by itself, when its group's disks appear (LVM 2.03.12 and later).

use serde::Deserialize;

use crate::error::Result;
use crate::{Error, LogicalVolume, command};

#[derive(Deserialize)]
struct Row {
    lv_autoactivation: String,
}

/// Whether a volume is activated by itself; `None` where this LVM knows nothing of that.
///
/// # Errors
/// Where `lvs` fails otherwise.
pub(crate) fn of(volume: &LogicalVolume) -> Result<Option<bool>> {
    let name = volume.full_name();
    match command::report("lvs", "lv_autoactivation", &["--binary", &name]) {
        Ok(rows) => Ok(parse(&rows)),
        Err(Error::Command { message, .. }) if message.contains("nrecognised field") => Ok(None),
        Err(error) => Err(error),
    }
}

/// With `--binary` it is 0 or 1; each segment of a volume has a row.
fn parse(rows: &[Row]) -> Option<bool> {
    rows.first().and_then(|row| match row.lv_autoactivation.as_str() {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    })
}

/// Sets that a volume is not activated by itself.
///
/// # Errors
/// Where LVM fails to do it.
pub(crate) fn turn_off(volume: &LogicalVolume) -> Result<()> {
    command::run("lvchange", &["--setautoactivation", "n", &volume.full_name()]).map(drop)
}
