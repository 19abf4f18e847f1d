//! Archives: the programs for any Linux, and the sources.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::contents;
use super::release::{Release, git};
use super::tool;
use super::tree::{Tree, gzip};

/// Packs a tree, so that it can be unpacked into /usr/local: nothing of it begins with `usr`.
pub(super) fn write_static(release: &Release, mut tree: Tree, to: &Path) -> Result<()> {
    contents::add_licences(&mut tree)?;
    let name = release.name();
    let bytes = gzip(&tar(&tree, &name, release.epoch)?)?;
    let file = format!("{name}-{}-linux-static.tar.gz", release.architecture.name);
    Ok(fs::write(to.join(file), bytes)?)
}

/// Packs what is committed.
pub(super) fn write_source(release: &Release, to: &Path) -> Result<()> {
    let name = release.name();
    let prefix = format!("--prefix={name}/");
    let mtime = format!("--mtime=@{}", release.epoch);
    let bytes = tool(git().args(["archive", "--format=tar", &prefix, &mtime, "HEAD"]))?;
    Ok(fs::write(to.join(format!("{name}.tar.gz")), gzip(&bytes)?)?)
}

/// The files below a folder, and nothing of who packed them.
fn tar(tree: &Tree, folder: &str, epoch: u64) -> Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, file) in tree.files() {
        let path = path.strip_prefix("usr/").with_context(|| format!("{path} is not in usr"))?;
        let mut header = tar::Header::new_ustar();
        header.set_size(file.bytes.len() as u64);
        header.set_mode(file.mode);
        header.set_mtime(epoch);
        header.set_uid(0);
        header.set_gid(0);
        tar.append_data(&mut header, format!("{folder}/{path}"), file.bytes.as_slice())?;
    }
    Ok(tar.into_inner()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_holds_files_below_one_folder() {
        let mut tree = Tree::default();
        tree.add("usr/share/doc/text", "text");
        tree.add_program("usr/sbin/program", b"program".to_vec());
        let bytes = tar(&tree, "lvdiff-1", 1_700_000_000).unwrap();
        assert_eq!(bytes, tar(&tree, "lvdiff-1", 1_700_000_000).unwrap());
        let mut archive = tar::Archive::new(bytes.as_slice());
        let found: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                assert_eq!((header.uid().unwrap(), header.mtime().unwrap()), (0, 1_700_000_000));
                (entry.path().unwrap().display().to_string(), header.mode().unwrap())
            })
            .collect();
        let expected = [("lvdiff-1/sbin/program", 0o755), ("lvdiff-1/share/doc/text", 0o644)];
        assert_eq!(found, expected.map(|(path, mode)| (path.to_owned(), mode)));
    }
}
