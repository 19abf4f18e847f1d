//! The Debian packages that guests, tests and the making of packages need.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::services::NoServices;

/// Where Debian keeps programs. An ordinary user's PATH often lacks the sbin folders.
const FOLDERS: [&str; 6] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// What programs are needed for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    /// A guest with LVM in it, and the README's example.
    Guest,
    /// Every test, and guests for whatever one tries.
    Tests,
    /// The roots of other releases.
    Releases,
    /// Packages of lvdiff and lvpatch.
    Packages,
    /// What is looked for in these packages.
    PackageTests,
}

/// Each program with the package it comes from. A program is looked for rather than a package, so that one
/// built by hand will do. What `mount`, `util-linux` and `coreutils` bring is here for systems cut down below
/// Debian's essential set.
const GUEST: [(&str, &str); 11] = [
    ("linux.uml", "user-mode-linux"),
    ("lvm", "lvm2"),
    ("dmsetup", "dmsetup"),
    ("thin_check", "thin-provisioning-tools"),
    ("insmod", "kmod"),
    ("mkfs.ext4", "e2fsprogs"),
    ("mount", "mount"),
    ("setpriv", "util-linux"),
    ("taskset", "util-linux"),
    ("dd", "coreutils"),
    ("bash", "bash"),
];

/// What scenarios and other tests call beside that, and the compiler of libFuzzer.
const TESTS: [(&str, &str); 20] = [
    ("thin_delta", "thin-provisioning-tools"),
    ("thin_dump", "thin-provisioning-tools"),
    ("thin_ls", "thin-provisioning-tools"),
    ("thin_restore", "thin-provisioning-tools"),
    ("mandoc", "mandoc"),
    ("groff", "groff-base"),
    ("losetup", "mount"),
    ("blkdiscard", "util-linux"),
    ("script", "bsdutils"),
    ("setsid", "util-linux"),
    ("unshare", "util-linux"),
    ("ip", "iproute2"),
    ("ssh", "openssh-client"),
    ("ssh-keygen", "openssh-client"),
    ("sshd", "openssh-server"),
    ("openssl", "openssl"),
    ("qemu-img", "qemu-utils"),
    ("qemu-io", "qemu-utils"),
    ("strace", "strace"),
    ("g++", "g++"),
];

const RELEASES: [(&str, &str); 2] = [("debootstrap", "debootstrap"), ("wget", "wget")];

const PACKAGES: [(&str, &str); 5] = [
    ("dpkg-deb", "dpkg"),
    ("rpmbuild", "rpm"),
    ("musl-gcc", "musl-tools"),
    ("objdump", "binutils"),
    ("git", "git"),
];

const PACKAGE_TESTS: [(&str, &str); 3] =
    [("lintian", "lintian"), ("rpm2cpio", "rpm"), ("cpio", "cpio")];

impl Use {
    const ALL: [Self; 5] =
        [Self::Guest, Self::Tests, Self::Releases, Self::Packages, Self::PackageTests];

    fn programs(self) -> Vec<(&'static str, &'static str)> {
        match self {
            Self::Guest => GUEST.to_vec(),
            Self::Tests => [&GUEST[..], &TESTS[..]].concat(),
            Self::Releases => RELEASES.to_vec(),
            Self::Packages => PACKAGES.to_vec(),
            Self::PackageTests => PACKAGE_TESTS.to_vec(),
        }
    }
}

/// The packages that bring what is not there, without repetition; none if all of it is.
#[must_use]
pub fn missing(purpose: Use) -> Vec<&'static str> {
    missing_of(&purpose.programs(), is_there)
}

fn is_there(program: &str) -> bool {
    FOLDERS.iter().any(|dir| Path::new(dir).join(program).exists())
}

fn missing_of(
    needed: &[(&'static str, &'static str)],
    is_there: impl Fn(&str) -> bool,
) -> Vec<&'static str> {
    let mut packages = Vec::new();
    for &(program, package) in needed {
        if !is_there(program) && !packages.contains(&package) {
            packages.push(package);
        }
    }
    packages
}

/// Whether this process is root's.
#[must_use]
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// The line that installs packages, for root in a shell.
#[must_use]
pub fn install_line(packages: &[&str]) -> String {
    format!("apt-get update && apt-get install -y --no-install-recommends {}", packages.join(" "))
}

/// An error that says what to run, if there is something to install and only root could.
///
/// # Errors
/// This process is not root's: the message holds the line to run.
pub fn check_installable(packages: &[&str]) -> Result<()> {
    if !packages.is_empty() && !is_root() {
        bail!(
            "these packages are missing, and only root can install them; run\n\n    \
             sudo sh -c '{}'\n",
            install_line(packages)
        );
    }
    Ok(())
}

/// Installs packages with apt-get, whose output goes where this process's output goes. No service
/// is started.
///
/// # Errors
/// As [`check_installable`]. Or apt-get fails, or one of their programs is still missing when it is done.
pub fn install(packages: &[&str]) -> Result<()> {
    check_installable(packages)?;
    let no_services = NoServices::new()?;
    apt_get(&["update", "-q"])?;
    let options = ["install", "-y", "-q", "--no-install-recommends"];
    apt_get(&[&options[..], packages].concat())?;
    drop(no_services);
    let mut left: Vec<_> = Use::ALL.into_iter().flat_map(missing).collect();
    left.retain(|package| packages.contains(package));
    ensure!(left.is_empty(), "apt-get is done, but programs of {} are missing", left.join(", "));
    Ok(())
}

/// An error that says what to run, unless everything is there.
///
/// # Errors
/// A package is missing.
pub fn check() -> Result<()> {
    let missing = missing(Use::Tests);
    ensure!(
        missing.is_empty(),
        "{} is missing: run `cargo xtask test`, which installs it first",
        missing.join(", ")
    );
    Ok(())
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let status = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status()
        .context("cannot run apt-get: is this Debian?")?;
    ensure!(status.success(), "apt-get {} failed", arguments.join(" "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_missing_where_all_is_there() {
        assert!(missing_of(&Use::Tests.programs(), |_| true).is_empty());
    }

    #[test]
    fn a_package_is_named_once() {
        let thin = missing_of(&Use::Tests.programs(), |program| !program.starts_with("thin_"));
        assert_eq!(thin, ["thin-provisioning-tools"]);
    }

    #[test]
    fn the_line_can_be_pasted() {
        assert_eq!(
            install_line(&["lvm2", "kmod"]),
            "apt-get update && apt-get install -y --no-install-recommends lvm2 kmod"
        );
    }
}
