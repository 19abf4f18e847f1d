//! The host folder that backs a guest's memory.

use std::path::{Path, PathBuf};

use nix::sys::statvfs::{FsFlags, statvfs};

const SHM: &str = "/dev/shm";

/// User-mode Linux maps its memory from an unlinked file, in the folder that TMPDIR names. On
/// /dev/shm that is fastest, but in a container /dev/shm is often 64 MB, or mounted noexec: the
/// guest would die of SIGBUS at any moment, or not start. There, `fallback` is taken, a folder on
/// disk. The margin of four is for the guests beside this one.
pub(crate) fn backing_dir(megabytes: u32, fallback: &Path) -> PathBuf {
    let shm = Path::new(SHM);
    if holds_memory(shm, u64::from(megabytes) * 4) { shm.into() } else { fallback.into() }
}

fn holds_memory(dir: &Path, megabytes: u64) -> bool {
    statvfs(dir).is_ok_and(|fs| {
        let free = fs.blocks_available().saturating_mul(fs.fragment_size());
        free >> 20 >= megabytes
            && !fs.flags().intersects(FsFlags::ST_NOEXEC | FsFlags::ST_RDONLY)
            && nix::unistd::access(dir, nix::unistd::AccessFlags::W_OK).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_small_is_not_taken() {
        let fallback = Path::new("/fallback");
        assert_eq!(backing_dir(u32::MAX, fallback), fallback);
        assert!(!holds_memory(Path::new("/does/not/exist"), 0));
    }
}
