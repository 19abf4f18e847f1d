//! Which virtual machine a stream of virtnbdbackup's belongs to: its UUID is in the configuration next to the
//! stream.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::Foreign;

/// A configuration has a few thousand bytes; the UUID is near the beginning.
const MOST: u64 = 1 << 20;

/// The UUID of the machine that a stream belongs to, if its configuration is next to the stream, where
/// virtnbdbackup puts it: `vmconfig.CHECKPOINT.xml`.
pub fn machine_of(path: &Path, said: &Foreign) -> Option<String> {
    said.disk.as_ref()?;
    let name = path.file_name()?.to_str()?.strip_suffix(".data")?;
    let run = match (name.rsplit_once(".diff."), name.ends_with(".copy")) {
        (Some((_, run)), _) => run,
        (None, true) => "copy",
        (None, false) => said.uuid.as_str(),
    };
    if run.is_empty() || run.contains('/') {
        return None;
    }
    let config = path.with_file_name(format!("vmconfig.{run}.xml"));
    // Opening a FIFO would wait for its other end.
    if !config.is_file() {
        return None;
    }
    let mut text = Vec::new();
    File::open(config).ok()?.take(MOST).read_to_end(&mut text).ok()?;
    let (_, rest) = std::str::from_utf8(&text).ok()?.split_once("<uuid>")?;
    let (uuid, _) = rest.split_once("</uuid>")?;
    let uuid = uuid.trim().to_ascii_lowercase();
    let is_uuid = uuid.len() == 36 && uuid.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    is_uuid.then_some(uuid)
}

/// Checks that two streams belong to one machine, as far as both machines are known.
///
/// # Errors
/// Says which machines they belong to.
pub fn check_machine(machine: Option<&str>, previous: Option<&str>) -> Result<(), String> {
    match (machine, previous) {
        (Some(machine), Some(expected)) if machine != expected => {
            Err(format!("it belongs to the machine with UUID {machine}, expected {expected}"))
        }
        _ => Ok(()),
    }
}
