//! What goes where.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use system_tests::programs::PROGRAMS;

use super::programs::Libc;
use super::tree::Tree;
use super::{examples, licences};
use crate::cargo::root;
use crate::man::PAGES;

/// Where documents are.
pub(super) const DOC: &str = "usr/share/doc/lvdiff";

/// Where the licences are that Debian has elsewhere already.
pub(super) const LICENCES: &str = "usr/share/licenses/lvdiff";

/// What is in every package: the programs of a folder, the pages and completions of another one, documents.
pub(super) fn of(programs: &Path, pages: &Path, libc: Libc) -> Result<Tree> {
    let mut tree = Tree::default();
    for program in PROGRAMS {
        tree.add_program(&format!("usr/sbin/{program}"), read(&programs.join(program))?);
        for (file, path) in completions(program) {
            tree.add(&path, read(&pages.join(file))?);
        }
    }
    for page in PAGES {
        tree.add_compressed(&page_path(page)?, &read(&pages.join(page))?)?;
    }
    documents(&mut tree)?;
    tree.add(&format!("{DOC}/copyright"), licences::notice(libc)?);
    Ok(tree)
}

/// The READMEs and what they lead to, in the same folders, so that the links hold; examples; the changes.
fn documents(tree: &mut Tree) -> Result<()> {
    for name in ["README.md", "README.zh-CN.md"] {
        tree.add(&format!("{DOC}/{name}"), read(&root().join(name))?);
    }
    let docs = root().join("docs");
    for entry in fs::read_dir(&docs).with_context(|| docs.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        tree.add(&format!("{DOC}/docs/{name}"), read(&path)?);
    }
    let cookbook = read(&docs.join("cookbook.md"))?;
    for (name, text) in examples::of(&String::from_utf8(cookbook)?)? {
        tree.add(&format!("{DOC}/examples/{name}"), text);
    }
    tree.add_compressed(&format!("{DOC}/changelog"), &read(&root().join("CHANGELOG.md"))?)
}

/// The texts that [`licences::notice`] says where to find on Debian, for other systems.
pub(super) fn add_licences(tree: &mut Tree) -> Result<()> {
    for name in ["LICENSE-APACHE", "LICENSE-MIT"] {
        tree.add(&format!("{LICENCES}/{name}"), read(&root().join(name))?);
    }
    Ok(())
}

/// The folders that no other package has.
pub(super) fn own_folders(tree: &Tree) -> BTreeSet<&str> {
    let folders = tree
        .files()
        .flat_map(|(path, _)| path.match_indices('/').map(move |(end, _)| &path[..end]));
    folders.filter(|folder| [DOC, LICENCES].iter().any(|own| folder.starts_with(own))).collect()
}

/// The files that clap writes for a program, and where its shells look for them.
fn completions(program: &str) -> [(String, String); 3] {
    [
        (format!("{program}.bash"), format!("usr/share/bash-completion/completions/{program}")),
        (format!("{program}.fish"), format!("usr/share/fish/vendor_completions.d/{program}.fish")),
        (format!("_{program}"), format!("usr/share/zsh/vendor-completions/_{program}")),
    ]
}

/// Where a page of the manual is.
fn page_path(page: &str) -> Result<String> {
    let (_, section) = page.rsplit_once('.').with_context(|| format!("{page} has no section"))?;
    Ok(format!("usr/share/man/man{section}/{page}"))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_in_the_folders_of_their_sections() {
        let paths: Vec<_> = PAGES.iter().map(|page| page_path(page).unwrap()).collect();
        assert!(paths.contains(&"usr/share/man/man8/lvdiff.8".into()), "{paths:?}");
        assert!(paths.contains(&"usr/share/man/man5/hyperlayer.5".into()), "{paths:?}");
        page_path("page").unwrap_err();
    }

    #[test]
    fn everything_that_is_written_for_a_program_is_installed() {
        let dir = tempfile::tempdir().unwrap();
        crate::man::write(dir.path()).unwrap();
        let mut written: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let completions = PROGRAMS.iter().flat_map(|program| completions(program));
        let mut installed: Vec<_> = completions.map(|(file, _)| file).collect();
        installed.extend(PAGES.map(String::from));
        written.sort();
        installed.sort();
        assert_eq!(written, installed);
    }

    #[test]
    fn links_of_the_readme_hold() {
        let mut tree = Tree::default();
        documents(&mut tree).unwrap();
        let readme = fs::read_to_string(root().join("README.md")).unwrap();
        let links: Vec<_> = readme
            .split("](docs/")
            .skip(1)
            .filter_map(|rest| rest.split([')', '#']).next())
            .collect();
        assert!(links.contains(&"cookbook.md"), "{links:?}");
        for link in links {
            let path = format!("{DOC}/docs/{link}");
            assert!(tree.files().any(|(other, _)| other == path), "{path} is missing");
        }
    }
}
