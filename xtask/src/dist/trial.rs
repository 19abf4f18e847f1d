//! What `cargo xtask test --full` does with packages: lintian reads them, two releases of Debian install them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use system_tests::packages::Use;

use super::contents::{DOC, LICENCES};
use super::release::Release;
use super::{deb, new_folder, rpm, tool};
use crate::release::{BOOKWORM, Debian, TRIXIE};
use crate::{say, setup};

/// What lintian may say, each with the reason.
const ALLOWED: [&str; 3] = [
    // Debian has no bug that asks for the package.
    "initial-upload-closes-no-bugs",
    // C functions that are not used have no variants to fortify.
    "hardening-no-fortify-functions",
    // Rust's texts have nothing between them: what looks like a word is the end of one and the beginning of another.
    "spelling-error-in-binary",
];

/// In another root: the package is installed, runs, and goes without a trace.
const IN_ROOT: &str = r#"set -eu
export DEBIAN_FRONTEND=noninteractive
dpkg --install /lvdiff.deb
dpkg --verify lvdiff
dpkg --listfiles lvdiff > /tmp/files
for program in lvdiff lvpatch; do
	"$program" --version | grep "^$program [0-9]"
	"$program" --help > /dev/null
	bash -n "/usr/share/bash-completion/completions/$program"
	zcat "/usr/share/man/man8/$program.8.gz" | grep -q "^\.TH"
done
if find /etc /usr/lib/systemd -name '*lv-backup*' | grep .; then exit 1; fi
dpkg --purge lvdiff
while read -r file; do
	if [ -f "$file" ]; then echo "$file is still there"; exit 1; fi
done < /tmp/files
[ ! -e /usr/share/doc/lvdiff ]
"#;

/// Tries the packages in a folder.
pub(super) fn run(release: &Release, dist: &Path) -> Result<()> {
    setup::install_missing(Use::PackageTests)?;
    let (deb, rpm) = (dist.join(deb::name(release)), dist.join(rpm::name(release)));
    lintian(&deb)?;
    say("lintian has nothing to say that is not known");
    same_files(&deb, &rpm)?;
    say("both packages hold the same files");
    for debian in [BOOKWORM, TRIXIE] {
        install(&deb, &debian).with_context(|| format!("in {}", debian.name))?;
        say(&format!("{} installed it, ran it and removed it", debian.name));
    }
    Ok(())
}

fn lintian(deb: &Path) -> Result<()> {
    let mut command = Command::new("lintian");
    command.args(["--pedantic", "-I", "--fail-on", "none"]).arg(deb);
    let said = String::from_utf8(tool(&mut command)?)?;
    let unknown = complaints(&said);
    ensure!(unknown.is_empty(), "lintian:\n{}", unknown.join("\n"));
    Ok(())
}

/// The lines that hold something which is not allowed.
fn complaints(said: &str) -> Vec<&str> {
    let is_known = |line: &str| {
        let tag = line.split(": ").nth(2).and_then(|rest| rest.split(' ').next());
        tag.is_some_and(|tag| ALLOWED.contains(&tag))
    };
    said.lines().filter(|line| !line.starts_with("N:") && !is_known(line)).collect()
}

/// Installs a package in a copy of a release's root.
fn install(deb: &Path, debian: &Debian) -> Result<()> {
    let root = debian.root()?;
    let copy = root.with_extension("trial");
    new_folder(&copy)?;
    tool(Command::new("cp").args(["-a", "--reflink=auto"]).arg(root.join(".")).arg(&copy))?;
    fs::copy(deb, copy.join("lvdiff.deb"))?;
    let mut command = Command::new("chroot");
    command.arg(&copy).args(["bash", "-c", IN_ROOT]).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    tool(&mut command)?;
    fs::remove_dir_all(&copy).with_context(|| format!("removing {}", copy.display()))
}

/// Compares what both packages install, apart from what only one of them has to.
fn same_files(deb: &Path, rpm: &Path) -> Result<()> {
    let work = tempfile::tempdir()?;
    let (of_deb, of_rpm) = (work.path().join("deb"), work.path().join("rpm"));
    for folder in [&of_deb, &of_rpm] {
        new_folder(folder)?;
    }
    tool(Command::new("dpkg-deb").arg("--extract").arg(deb).arg(&of_deb))?;
    let unpack = r#"set -o pipefail; rpm2cpio "$0" | cpio --quiet -idm"#;
    tool(Command::new("bash").args(["-c", unpack]).arg(rpm).current_dir(&of_rpm))?;
    let (mut deb, mut rpm) = (files(&of_deb)?, files(&of_rpm)?);
    let changes = deb.remove(&PathBuf::from(format!("{DOC}/{}", deb::CHANGES)));
    ensure!(changes.is_some(), "the .deb has no {}", deb::CHANGES);
    let count = rpm.len();
    rpm.retain(|path, _| !path.starts_with(LICENCES));
    ensure!(rpm.len() < count, "the .rpm has no {LICENCES}");
    let paths = deb.keys().chain(rpm.keys());
    let different: Vec<_> = paths.filter(|path| deb.get(*path) != rpm.get(*path)).collect();
    ensure!(different.is_empty(), "the packages differ in {different:?}");
    Ok(())
}

/// The modes and bytes of all files below a folder.
fn files(root: &Path) -> Result<BTreeMap<PathBuf, (u32, Vec<u8>)>> {
    let (mut found, mut next) = (BTreeMap::new(), vec![root.to_path_buf()]);
    while let Some(folder) = next.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                next.push(path);
                continue;
            }
            let mode = path.metadata()?.permissions().mode();
            found.insert(path.strip_prefix(root)?.to_owned(), (mode, fs::read(&path)?));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_allowed_is_no_complaint() {
        let said = "N: running with root privileges is not recommended!\n\
                    W: lvdiff: initial-upload-closes-no-bugs [usr/share/doc/lvdiff/changelog.Debian.gz:1]\n\
                    I: lvdiff: hardening-no-fortify-functions [usr/sbin/lvdiff]\n\
                    I: lvdiff: binary-has-unneeded-section .comment [usr/sbin/lvdiff]\n";
        let found = complaints(said);
        assert_eq!(found, ["I: lvdiff: binary-has-unneeded-section .comment [usr/sbin/lvdiff]"]);
        assert_eq!(complaints("E: lvdiff: no-changelog\n").len(), 1);
    }

    #[test]
    fn files_are_found_with_their_modes() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("a")).unwrap();
        fs::write(dir.path().join("a/b"), "text").unwrap();
        let found = files(dir.path()).unwrap();
        let (mode, bytes) = &found[Path::new("a/b")];
        assert_eq!((mode & 0o400, bytes.as_slice()), (0o400, &b"text"[..]));
        assert_eq!(found.len(), 1);
    }
}
