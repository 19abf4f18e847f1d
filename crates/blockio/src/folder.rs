//! The folder that a file is in.

use std::fs::File;
use std::io;
use std::path::Path;

/// The folder of the file at `path`, whether the file is there or not; `.` for a name alone.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Makes sure that a new or renamed file is found at `path` after a power cut.
///
/// # Errors
/// Where its folder cannot be opened or synced.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_alone_is_in_the_folder_of_the_process() {
        assert_eq!(folder_of(Path::new("file")), Path::new("."));
        assert_eq!(folder_of(Path::new("a/file")), Path::new("a"));
        assert_eq!(folder_of(Path::new("/file")), Path::new("/"));
        sync_folder(Path::new("file")).unwrap();
        assert!(sync_folder(Path::new("/no/such/file")).is_err());
    }
}
