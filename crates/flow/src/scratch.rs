//! [`scratch_file`]: room for data that may not fit in memory.

use std::fs::File;
use std::io;
use std::path::PathBuf;

/// The folder of unnamed files, unless `TMPDIR` names another one: `/tmp` is often in memory itself.
const FOLDER: &str = "/var/tmp";

/// An empty unnamed file, which disappears with its last descriptor.
///
/// # Errors
/// If it cannot be created; the message names the folder.
pub fn scratch_file() -> io::Result<File> {
    let folder = std::env::var_os("TMPDIR").map_or_else(|| FOLDER.into(), PathBuf::from);
    tempfile::tempfile_in(&folder).map_err(|error| {
        let text = format!("no temporary file can be made in {}: {error}", folder.display());
        io::Error::new(error.kind(), text)
    })
}
