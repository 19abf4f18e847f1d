//! What a package installs.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// A file that is to be installed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct File {
    pub(super) bytes: Vec<u8>,
    pub(super) mode: u32,
}

/// Files by their paths, which begin without a slash. All are root's, as are the folders they are in.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Tree(BTreeMap<String, File>);

impl Tree {
    /// Adds a file.
    pub(super) fn add(&mut self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.0.insert(path.to_owned(), File { bytes: bytes.into(), mode: 0o644 });
    }

    /// Adds a program.
    pub(super) fn add_program(&mut self, path: &str, bytes: Vec<u8>) {
        self.0.insert(path.to_owned(), File { bytes, mode: 0o755 });
    }

    /// Adds a file compressed, with `.gz` after its path.
    pub(super) fn add_compressed(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        self.add(&format!("{path}.gz"), gzip(bytes)?);
        Ok(())
    }

    /// The files, in the order of their paths.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &File)> {
        self.0.iter().map(|(path, file)| (path.as_str(), file))
    }

    /// Writes all of it below a folder.
    pub(super) fn write(&self, root: &Path) -> Result<()> {
        make_folder(root)?;
        for (path, file) in self.files() {
            let mut folder = root.to_path_buf();
            let (above, _) = path.rsplit_once('/').unwrap_or_default();
            for name in above.split('/').filter(|name| !name.is_empty()) {
                folder.push(name);
                make_folder(&folder)?;
            }
            let path = root.join(path);
            fs::write(&path, &file.bytes).with_context(|| path.display().to_string())?;
            fs::set_permissions(&path, Permissions::from_mode(file.mode))?;
        }
        Ok(())
    }
}

/// A folder that everybody may read, whatever the umask is.
fn make_folder(path: &Path) -> Result<()> {
    if !path.is_dir() {
        fs::create_dir(path).with_context(|| format!("cannot make {}", path.display()))?;
    }
    Ok(fs::set_permissions(path, Permissions::from_mode(0o755))?)
}

/// The bytes in gzip's form, without a name and a time.
pub(super) fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut command = Command::new("gzip");
    command.args(["-9", "-n", "-c"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().context("cannot run gzip")?;
    let mut input = child.stdin.take().context("gzip has no input")?;
    let output = std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(bytes));
        child.wait_with_output()
    })?;
    ensure!(output.status.success(), "gzip: {}", output.status);
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_has_its_modes() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        let mut tree = Tree::default();
        tree.add("usr/share/doc/text", "text");
        tree.add_program("usr/sbin/program", b"program".to_vec());
        tree.write(&root).unwrap();
        let mode =
            |path: &str| fs::metadata(root.join(path)).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode("usr/share/doc/text"), 0o644);
        assert_eq!(mode("usr/sbin/program"), 0o755);
        assert_eq!(["", "usr", "usr/share/doc"].map(mode), [0o755; 3]);
        assert_eq!(fs::read(root.join("usr/sbin/program")).unwrap(), b"program");
    }

    #[test]
    fn the_same_bytes_are_compressed_the_same() {
        let text = "text ".repeat(100_000);
        let compressed = gzip(text.as_bytes()).unwrap();
        assert!(compressed.len() < 1000, "{}", compressed.len());
        // Bytes 4 to 7 are the time.
        assert_eq!(compressed[4..8], [0; 4]);
        assert_eq!(gzip(text.as_bytes()).unwrap(), compressed);
    }
}
