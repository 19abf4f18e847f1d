//! `cargo xtask dist`: packages and archives of lvdiff and lvpatch, in `target/dist`.
//!
//! What a package installs is a value, a [`Tree`], which [`contents`] puts together; the formats are written from
//! it. The same commit makes the same bytes: times are the commit's, and no path of this machine is left in.

mod archive;
mod contents;
mod deb;
mod elf;
mod examples;
mod licences;
mod linked;
mod programs;
mod release;
mod rpm;
mod tree;
mod trial;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use system_tests::packages::Use;

use self::programs::Libc;
use self::release::Release;
use self::tree::Tree;
use crate::cargo::target_dir;
use crate::{man, say, setup};

const SUMS: &str = "SHA256SUMS";

/// Makes all there is; with `check` once more in another target folder, which must give the same bytes. With
/// `try_out` the packages are tried, too.
pub(crate) fn run(check: bool, try_out: bool) -> Result<()> {
    setup::install_missing(Use::Packages)?;
    let release = Release::of_head()?;
    let target = target_dir()?;
    // Cargo has folders named for its profiles, such as `dist`: it builds elsewhere.
    let made = target.join("dist");
    make(&release, &target.join("dist-build"), &made)?;
    if check {
        let other = target.join("dist-check");
        let made_again = other.join("made");
        make(&release, &other.join("build"), &made_again)?;
        same(&made, &made_again)?;
        fs::remove_dir_all(&other).with_context(|| format!("removing {}", other.display()))?;
        say("built twice, with the same bytes");
    }
    for (name, size) in sizes(&made)? {
        say(&format!("{size:>9} {}", made.join(name).display()));
    }
    if try_out {
        trial::run(&release, &made)?;
    }
    Ok(())
}

/// Builds in a target folder of cargo's, and writes all there is to `to`, which is replaced as a whole.
fn make(release: &Release, target: &Path, to: &Path) -> Result<()> {
    let (unfinished, work) = (to.with_extension("unfinished"), to.with_extension("work"));
    new_folder(&unfinished)?;
    new_folder(&work)?;

    let pages = work.join("man");
    man::write(&pages)?;
    let of = |libc| -> Result<Tree> {
        let folder = work.join("programs");
        programs::build(libc, target, &folder)?;
        contents::of(&folder, &pages, libc)
    };
    let tree = of(Libc::Gnu)?;
    deb::write(release, tree.clone(), &work, &unfinished)?;
    rpm::write(release, tree, &work, &unfinished)?;
    archive::write_static(release, of(Libc::Musl)?, &unfinished)?;
    archive::write_source(release, &unfinished)?;
    sums(&unfinished)?;

    if to.exists() {
        fs::remove_dir_all(to).with_context(|| format!("removing {}", to.display()))?;
    }
    fs::rename(&unfinished, to)?;
    fs::remove_dir_all(&work).with_context(|| format!("removing {}", work.display()))
}

/// An empty folder of this path.
fn new_folder(path: &Path) -> Result<()> {
    if path.exists() {
        fs::remove_dir_all(path).with_context(|| format!("removing {}", path.display()))?;
    }
    fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))
}

/// Runs a program of the system, whose output is of interest where it fails.
fn tool(command: &mut Command) -> Result<Vec<u8>> {
    let name = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("cannot run {name}"))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!("{name}: {}\n{}", output.status, String::from_utf8_lossy(&said).trim_end());
    }
    Ok(output.stdout)
}

/// Writes the sums that `sha256sum -c` checks.
fn sums(folder: &Path) -> Result<()> {
    let names: Vec<_> = sizes(folder)?.into_iter().map(|(name, _)| name).collect();
    let sums = tool(Command::new("sha256sum").arg("--").args(names).current_dir(folder))?;
    Ok(fs::write(folder.join(SUMS), sums)?)
}

/// The files in a folder and their sizes, in the order of the names.
fn sizes(folder: &Path) -> Result<Vec<(String, u64)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        found.push((entry.file_name().to_string_lossy().into_owned(), entry.metadata()?.len()));
    }
    found.sort();
    Ok(found)
}

/// An error that names the files that differ between two folders, if any do.
fn same(one: &Path, other: &Path) -> Result<()> {
    let names = |folder| -> Result<Vec<String>> {
        Ok(sizes(folder)?.into_iter().map(|(name, _)| name).collect())
    };
    let (ones, others) = (names(one)?, names(other)?);
    ensure!(ones == others, "{} and {} hold different files", one.display(), other.display());
    let mut different = Vec::new();
    for name in ones {
        if fs::read(one.join(&name))? != fs::read(other.join(&name))? {
            different.push(name);
        }
    }
    ensure!(
        different.is_empty(),
        "{} and {} differ in {}",
        one.display(),
        other.display(),
        different.join(", ")
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (dir.path().join("one"), dir.path().join("other"));
        for folder in [&one, &other] {
            new_folder(folder).unwrap();
            fs::write(folder.join("a"), "a").unwrap();
            fs::write(folder.join("b"), "b").unwrap();
        }
        same(&one, &other).unwrap();
        fs::write(other.join("b"), "c").unwrap();
        assert!(same(&one, &other).unwrap_err().to_string().ends_with("differ in b"));
        fs::remove_file(other.join("b")).unwrap();
        assert!(same(&one, &other).unwrap_err().to_string().ends_with("hold different files"));
    }

    #[test]
    fn the_sums_can_be_checked() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "a").unwrap();
        sums(dir.path()).unwrap();
        let check = || tool(Command::new("sha256sum").args(["-c", SUMS]).current_dir(dir.path()));
        check().unwrap();
        fs::write(dir.path().join("a"), "b").unwrap();
        check().unwrap_err();
    }
}
