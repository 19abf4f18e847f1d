//! Whether LVM activates a volume by itself, when its group's disks appear (LVM 2.03.12 and later).

use crate::error::Result;
use crate::{Error, LogicalVolume, command};

/// Whether a volume is activated by itself; `None` where this LVM knows nothing of that.
///
/// # Errors
/// Where `lvs` fails otherwise.
pub(crate) fn of(volume: &LogicalVolume) -> Result<Option<bool>> {
    let name = volume.full_name();
    let arguments = ["--noheadings", "--binary", "-o", "lv_autoactivation", &name];
    match command::run("lvs", &arguments) {
        Ok(report) => Ok(parse(&report)),
        Err(Error::Command { message, .. }) if message.contains("nrecognised field") => Ok(None),
        Err(error) => Err(error),
    }
}

/// The report is one line, 0 or 1; LVM's other words may stand around it.
fn parse(report: &[u8]) -> Option<bool> {
    String::from_utf8_lossy(report).lines().find_map(|line| match line.trim() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_found_among_other_words() {
        assert_eq!(parse(b"        0\n"), Some(false));
        assert_eq!(parse(b"  Retrying metadata scan.\n        1\n"), Some(true));
        assert_eq!(parse(b""), None);
    }
}
