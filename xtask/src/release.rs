//! The roots of releases of Debian, for guests and for trying packages: debootstrap makes each, once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use system_tests::packages::{self, Use};

use crate::cargo::target_dir;
use crate::{say, setup};

/// A release of Debian, and what is in its root beside Debian's essential packages.
pub(crate) struct Debian {
    pub(crate) name: &'static str,
    packages: &'static str,
}

/// The one of the guests: it has a newer Linux, LVM2 and thin-provisioning-tools than the one before it, and
/// hypervisors are built on it. In it is what guests and scenarios call.
pub(crate) const TRIXIE: Debian = Debian {
    name: "trixie",
    packages: "user-mode-linux,lvm2,dmsetup,thin-provisioning-tools,kmod,mount,e2fsprogs",
};

/// The oldest one that packages are made for. In it is what they depend on.
pub(crate) const BOOKWORM: Debian = Debian { name: "bookworm", packages: "lvm2" };

/// The root of the guests.
pub(crate) fn root() -> Result<PathBuf> {
    TRIXIE.root()
}

impl Debian {
    /// The folder with the release; it is made if it is not there, or other packages are wanted by now.
    pub(crate) fn root(&self) -> Result<PathBuf> {
        let guests = target_dir()?.join("guests");
        let root = guests.join(self.name);
        let made_of = guests.join(format!("{}.packages", self.name));
        let is_known =
            || fs::read_to_string(&made_of).is_ok_and(|made_of| made_of == self.packages);
        if root.is_dir() && is_known() {
            return Ok(root);
        }
        ensure!(
            packages::is_root(),
            "only root can make {} with debootstrap; run `cargo xtask test --full` as root once",
            root.display()
        );
        setup::install_missing(Use::Releases)?;
        fs::create_dir_all(&guests)?;
        let unfinished = guests.join(format!("{}.unfinished", self.name));
        for old in [&unfinished, &root] {
            if old.exists() {
                fs::remove_dir_all(old).with_context(|| format!("removing {}", old.display()))?;
            }
        }
        self.debootstrap(&unfinished)?;
        for entry in fs::read_dir(unfinished.join("var/cache/apt/archives"))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "deb") {
                fs::remove_file(path)?;
            }
        }
        fs::rename(&unfinished, &root)?;
        fs::write(made_of, self.packages)?;
        Ok(root)
    }

    fn debootstrap(&self, folder: &Path) -> Result<()> {
        let mirror = mirror()?;
        let from = mirror.as_deref().unwrap_or("debootstrap's own mirror");
        say(&format!("making {} from {from}: this takes some minutes", folder.display()));
        // What it mounts in there does not reach the host, whatever ends it.
        let status = Command::new("unshare")
            .args(["--mount", "debootstrap", "--variant=minbase"])
            .arg(format!("--include={}", self.packages))
            .arg(self.name)
            .arg(folder)
            .args(mirror)
            .status()
            .context("cannot run unshare")?;
        ensure!(
            status.success(),
            "debootstrap failed; see {}",
            folder.join("debootstrap/debootstrap.log").display()
        );
        Ok(())
    }
}

/// Where this machine's own packages come from; none where it is no Debian, or does not know.
fn mirror() -> Result<Option<String>> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let Some(own) = codename(&release) else { return Ok(None) };
    let known = || -> Result<Option<String>> {
        let output = Command::new("apt-get")
            .args(["indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)"])
            .output()
            .context("cannot run apt-get: is this Debian?")?;
        Ok(mirror_of(&String::from_utf8_lossy(&output.stdout), own))
    };
    if let Some(mirror) = known()? {
        return Ok(Some(mirror));
    }
    // It speaks of what it has lists of, and they may have been removed to save space.
    let status = Command::new("apt-get").args(["update", "-q"]).status();
    ensure!(status.is_ok_and(|status| status.success()), "apt-get update failed");
    known()
}

/// The name of the release in the text of os-release, if that is Debian's.
fn codename(os_release: &str) -> Option<&str> {
    let value = |name: &str| {
        let line = os_release.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.strip_prefix('=')?.trim_matches('"'))
    };
    if value("ID") == Some("debian") { value("VERSION_CODENAME") } else { None }
}

/// The address of a release's main component, from lines of release, component and address.
fn mirror_of(targets: &str, release: &str) -> Option<String> {
    targets.lines().find_map(|line| {
        let mut words = line.split(' ');
        let of_release = words.next() == Some(release) && words.next() == Some("main");
        let address = words.next()?;
        (of_release && address.starts_with("http")).then(|| address.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_where_the_release_itself_comes_from() {
        let targets = "nodistro main https://example.org/node/\n\
                       bookworm-security main http://example.org/debian-security/\n\
                       bookworm contrib http://example.org/contrib/\n\
                       bookworm main copy:/media/\n\
                       bookworm main http://example.org/debian/\n";
        assert_eq!(mirror_of(targets, "bookworm").as_deref(), Some("http://example.org/debian/"));
        assert_eq!(mirror_of(targets, "sid"), None);
    }

    #[test]
    fn only_debian_has_a_mirror_of_debian() {
        let text = "NAME=\"Debian GNU/Linux\"\nVERSION_CODENAME=bookworm\nID=debian\n";
        assert_eq!(codename(text), Some("bookworm"));
        assert_eq!(codename("ID=ubuntu\nVERSION_CODENAME=noble\n"), None);
        assert_eq!(codename(""), None);
    }
}
