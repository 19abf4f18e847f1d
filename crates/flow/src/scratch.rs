//! [`scratch_file`]: room for what may not fit in memory.

use std::fs::File;
use std::io;
use std::path::PathBuf;

/// Where files without a name are, unless `TMPDIR` names another folder: `/tmp` is often in memory itself.
const FOLDER: &str = "/var/tmp";

/// An empty file without a name, which is gone with its last user.
///
/// # Errors
/// Where it cannot be made; the message names the folder.
pub fn scratch_file() -> io::Result<File> {
    let folder = std::env::var_os("TMPDIR").map_or_else(|| FOLDER.into(), PathBuf::from);
    tempfile::tempfile_in(&folder).map_err(|error| {
        let text = format!("no temporary file can be made in {}: {error}", folder.display());
        io::Error::new(error.kind(), text)
    })
}
