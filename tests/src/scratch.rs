//! A folder for a test that writes many files.

use std::{env, io};

use tempfile::TempDir;

use crate::memory::backing_dir;

/// What is made is written through to the disk before it counts, and a test that makes hundreds of files waits for
/// nothing else. In memory, where there is room for it, that takes no time.
const MEGABYTES: u32 = 64;

/// A folder that is gone with the value.
///
/// # Errors
/// Where it cannot be made.
pub fn scratch() -> io::Result<TempDir> {
    tempfile::tempdir_in(backing_dir(MEGABYTES, &env::temp_dir()))
}
