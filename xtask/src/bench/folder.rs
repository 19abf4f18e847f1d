//! [`folder`]: where what is measured is kept.

use std::path::Path;

use anyhow::Result;
use tempfile::TempDir;

/// A folder beside the programs, on a disk; it goes with this value.
pub(crate) fn folder(programs: &Path) -> Result<TempDir> {
    Ok(tempfile::Builder::new().prefix("lvdiff-bench-").tempdir_in(programs)?)
}
