//! The package for Debian.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Result, bail};
use system_tests::programs::PROGRAMS;

use super::contents::DOC;
use super::elf::Needs;
use super::release::{DESCRIPTION, MAINTAINER, Release, SUMMARY};
use super::tool;
use super::tree::{File, Tree};

/// Where the package's own changes are; what it packs has its own.
pub(super) const CHANGES: &str = "changelog.Debian.gz";

/// The package's file.
pub(super) fn name(release: &Release) -> String {
    format!("lvdiff_{}_{}.deb", version(release), release.architecture.debian)
}

fn version(release: &Release) -> String {
    format!("{}-{}", release.version, Release::REVISION)
}

/// Packs a tree into a folder.
pub(super) fn write(release: &Release, mut tree: Tree, work: &Path, to: &Path) -> Result<()> {
    let changes = changes(&version(release), &release.date()?);
    tree.add_compressed(&format!("{DOC}/changelog.Debian"), changes.as_bytes())?;
    let stage = work.join("deb");
    tree.write(&stage)?;
    let mut needs = Needs::default();
    for program in PROGRAMS {
        needs = needs.and(Needs::of(&stage.join("usr/sbin").join(program))?);
    }
    let mut about = Tree::default();
    about.add("DEBIAN/control", control(release, &needs, installed_size(&tree))?);
    about.add("DEBIAN/md5sums", md5sums(&tree));
    about.write(&stage)?;
    let mut pack = release.command("dpkg-deb");
    pack.args(["--root-owner-group", "-Zxz", "--build"]).arg(&stage).arg(to.join(name(release)));
    tool(&mut pack)?;
    Ok(fs::remove_dir_all(&stage)?)
}

/// What dpkg and apt know of the package.
fn control(release: &Release, needs: &Needs, kilobytes: u64) -> Result<String> {
    let mut text = format!(
        "Package: lvdiff\nVersion: {}\nArchitecture: {}\nMaintainer: {MAINTAINER}\n\
         Installed-Size: {kilobytes}\nDepends: {}\nRecommends: openssh-client\nSection: admin\n\
         Priority: optional\nDescription: {SUMMARY}\n",
        version(release),
        release.architecture.debian,
        depends(needs)?,
    );
    for line in DESCRIPTION {
        // An empty line would end the description.
        writeln!(text, " {}", if line.is_empty() { "." } else { line })?;
    }
    Ok(text)
}

/// The packages it depends on: the libraries' and LVM's.
fn depends(needs: &Needs) -> Result<String> {
    let mut packages = Vec::new();
    for library in &needs.libraries {
        let package = match library.split('.').next().unwrap_or_default() {
            "libc" | "libm" | "libpthread" | "libdl" | "ld-linux-x86-64" | "ld-linux-aarch64" => {
                format!("libc6 (>= {}.{})", needs.glibc.0, needs.glibc.1)
            }
            "libgcc_s" => "libgcc-s1".to_owned(),
            _ => bail!("it is not known which package of Debian has {library}"),
        };
        if !packages.contains(&package) {
            packages.push(package);
        }
    }
    packages.push("lvm2".into());
    Ok(packages.join(", "))
}

/// The disk's space in KiB, as dpkg counts it: each file by itself, and one for each folder.
fn installed_size(tree: &Tree) -> u64 {
    let mut folders: Vec<_> = tree
        .files()
        .flat_map(|(path, _)| path.match_indices('/').map(|(end, _)| &path[..end]))
        .collect();
    folders.sort_unstable();
    folders.dedup();
    let files = tree.files().map(|(_, file)| (file.bytes.len() as u64).div_ceil(1024));
    files.sum::<u64>() + folders.len() as u64
}

/// The sums that `dpkg --verify` compares.
fn md5sums(tree: &Tree) -> String {
    use md5::{Digest, Md5};

    let line = |(path, file): (&str, &File)| {
        let sum = Md5::digest(&file.bytes);
        let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{sum}  {path}\n")
    };
    tree.files().map(line).collect()
}

/// The package's own changes: what it packs tells its changes itself.
fn changes(version: &str, date: &str) -> String {
    format!(
        "lvdiff ({version}) unstable; urgency=medium\n\n  \
         * What is new is in /usr/share/doc/lvdiff/changelog.gz.\n\n \
         -- {MAINTAINER}  {date}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let mut tree = Tree::default();
        tree.add("usr/share/doc/lvdiff/copyright", "hello\n");
        tree.add_program("usr/sbin/lvdiff", vec![0; 1025]);
        tree
    }

    #[test]
    fn sums_are_those_of_the_files() {
        let sums = md5sums(&tree());
        let lines: Vec<_> = sums.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].ends_with("  usr/sbin/lvdiff"), "{sums}");
        assert_eq!(lines[1], "b1946ac92492d2347c6235b4d2611184  usr/share/doc/lvdiff/copyright");
    }

    #[test]
    fn the_size_is_rounded_up_file_by_file() {
        // Two and one for the files; usr, usr/sbin, usr/share, usr/share/doc, usr/share/doc/lvdiff.
        assert_eq!(installed_size(&tree()), 3 + 5);
    }

    #[test]
    fn libraries_become_packages() {
        let needs = |libraries: &[&str]| Needs {
            libraries: libraries.iter().map(|&name| name.into()).collect(),
            glibc: (2, 34),
        };
        let both = needs(&["libc.so.6", "libgcc_s.so.1", "libm.so.6"]);
        assert_eq!(depends(&both).unwrap(), "libc6 (>= 2.34), libgcc-s1, lvm2");
        assert!(depends(&needs(&["libfoo.so.1"])).unwrap_err().to_string().contains("libfoo"));
    }

    #[test]
    fn no_line_of_the_description_is_empty() {
        let release = crate::dist::release::example();
        let text = control(&release, &Needs::default(), 7).unwrap();
        assert!(text.contains("\nVersion: 1.2.3-1\nArchitecture: amd64\n"), "{text}");
        assert!(
            text.contains("\n .\n") && !text.contains("\n\n") && text.ends_with('\n'),
            "{text}"
        );
        assert_eq!(name(&release), "lvdiff_1.2.3-1_amd64.deb");
    }
}
