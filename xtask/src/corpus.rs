//! The kept inputs of a fuzz target: an archive, `tests/fuzz/corpus/NAME.tar`. As files they would be most
//! of the tree. It is not compressed: git does that, and then keeps only what differs from the one before.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};

/// Writes the inputs of an archive to a folder. A target that is new has none.
pub(crate) fn unpack(archive: &Path, folder: &Path) -> Result<()> {
    match File::open(archive) {
        Ok(file) => tar::Archive::new(file).unpack(folder).context("it cannot be unpacked"),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
    .with_context(|| archive.display().to_string())
}

/// Makes an archive of the files in a folder, and returns how many they are. The same files make the same
/// archive, bit by bit: in the order of their names, and with nothing of when and by whom they were made.
pub(crate) fn pack(folder: &Path, archive: &Path) -> Result<usize> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut names = entries.map(|entry| Ok(entry?.file_name())).collect::<Result<Vec<_>>>()?;
    names.sort_unstable();
    let mut tar = tar::Builder::new(Vec::new());
    for name in &names {
        let input = fs::read(folder.join(name))?;
        let mut header = tar::Header::new_ustar();
        header.set_size(input.len() as u64);
        header.set_mode(0o644);
        for zero in [tar::Header::set_uid, tar::Header::set_gid, tar::Header::set_mtime] {
            zero(&mut header, 0);
        }
        tar.append_data(&mut header, name, input.as_slice())?;
    }
    let bytes = tar.into_inner()?;
    fs::write(archive, bytes).with_context(|| format!("cannot write {}", archive.display()))?;
    Ok(names.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_inputs_make_the_same_archive() {
        let dir = tempfile::tempdir().unwrap();
        let of = |name: &str| dir.path().join(name);
        for (folder, names) in [("a", ["x", "y"]), ("b", ["y", "x"])] {
            fs::create_dir(of(folder)).unwrap();
            for name in names {
                fs::write(of(folder).join(name), format!("input {name}")).unwrap();
            }
        }
        let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        File::options().append(true).open(of("b/x")).unwrap().set_modified(old).unwrap();
        assert_eq!(pack(&of("a"), &of("a.tar")).unwrap(), 2);
        pack(&of("b"), &of("b.tar")).unwrap();
        assert_eq!(fs::read(of("a.tar")).unwrap(), fs::read(of("b.tar")).unwrap());

        unpack(&of("a.tar"), &of("c")).unwrap();
        pack(&of("c"), &of("c.tar")).unwrap();
        assert_eq!(fs::read(of("a.tar")).unwrap(), fs::read(of("c.tar")).unwrap());
        assert_eq!(fs::read_to_string(of("c/y")).unwrap(), "input y");
    }

    #[test]
    fn a_new_target_has_no_archive() {
        let dir = tempfile::tempdir().unwrap();
        unpack(&dir.path().join("none.tar"), dir.path()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
