//! Which release is packed.

use std::env;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::tool;
use crate::cargo::root;
use crate::say;

/// A placeholder: anyone who publishes packages puts their own address here.
pub(super) const MAINTAINER: &str = "lvdiff <maintainers@lvdiff.invalid>";

/// What a package is for, in one line and in several.
pub(super) const SUMMARY: &str = "differences of LVM2 thin volumes as streams";
pub(super) const DESCRIPTION: [&str; 7] = [
    "lvdiff says what changed between two thin-provisioned LVM2 volumes, as a",
    "stream. lvpatch applies it to the same base somewhere else, as diff and",
    "patch do for text. Incremental backups, replication and migration are",
    "pipes of the two.",
    "",
    "The base is proved before anything happens, and every record of a stream is",
    "verified before its bytes reach a disk. A failure leaves nothing behind.",
];

/// What the commit and this machine say of the release.
#[derive(Clone, Debug)]
pub(super) struct Release {
    pub(super) version: &'static str,
    /// When the commit was made, in seconds since 1970: the only time that is in a package.
    pub(super) epoch: u64,
    pub(super) architecture: Architecture,
}

/// The processor that is built for, by the names that it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Architecture {
    /// For Rust, and in RPM.
    pub(super) name: &'static str,
    pub(super) debian: &'static str,
}

impl Release {
    /// The package's own revision: what is packed is the same.
    pub(super) const REVISION: u32 = 1;

    /// The commit that is checked out.
    pub(super) fn of_head() -> Result<Self> {
        let changes = tool(git().args(["status", "--porcelain", "--untracked-files=no"]))
            .context("packages are made of a clone")?;
        if !changes.is_empty() {
            say(
                "what is not committed goes into the packages, and not into the archive of sources",
            );
        }
        let epoch = match env::var("SOURCE_DATE_EPOCH") {
            Ok(epoch) => epoch,
            Err(_) => String::from_utf8(tool(git().args(["log", "-1", "--format=%ct"]))?)?,
        };
        let epoch = epoch.trim();
        let epoch = epoch.parse().with_context(|| format!("{epoch:?} is no number of seconds"))?;
        let architecture = Architecture::of_host()?;
        Ok(Self { version: env!("CARGO_PKG_VERSION"), epoch, architecture })
    }

    /// What comes before a file's ending, without the processor.
    pub(super) fn name(&self) -> String {
        format!("lvdiff-{}", self.version)
    }

    /// A program that takes its times from the release.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("SOURCE_DATE_EPOCH", self.epoch.to_string()).env("LC_ALL", "C.UTF-8");
        command
    }

    /// When the commit was made, as mail and Debian's changelogs have it.
    pub(super) fn date(&self) -> Result<String> {
        let date =
            tool(self.command("date").args(["-u", "-R", "-d", &format!("@{}", self.epoch)]))?;
        let date = String::from_utf8(date)?.trim().to_owned();
        ensure!(date.ends_with("+0000"), "date: {date:?} is no date in UTC");
        Ok(date)
    }
}

impl Architecture {
    fn of_host() -> Result<Self> {
        Self::new(env::consts::ARCH)
    }

    fn new(name: &str) -> Result<Self> {
        Ok(match name {
            "x86_64" => Self { name: "x86_64", debian: "amd64" },
            "aarch64" => Self { name: "aarch64", debian: "arm64" },
            other => bail!("it is not known how packages for {other} are named"),
        })
    }
}

/// git, in the workspace.
pub(super) fn git() -> Command {
    let mut command = Command::new("git");
    command.current_dir(root());
    command
}

/// One that tests pack.
#[cfg(test)]
pub(super) fn example() -> Release {
    let architecture = Architecture::new("x86_64").unwrap();
    Release { version: "1.2.3", epoch: 1_700_000_000, architecture }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_the_same_everywhere() {
        assert_eq!(example().date().unwrap(), "Tue, 14 Nov 2023 22:13:20 +0000");
    }

    #[test]
    fn a_processor_without_a_name_is_refused() {
        assert_eq!(Architecture::new("aarch64").unwrap().debian, "arm64");
        Architecture::new("pdp11").unwrap_err();
    }

    #[test]
    fn the_description_fits_a_terminal() {
        assert!(SUMMARY.len() < 60 && DESCRIPTION.iter().all(|line| line.len() < 79));
    }
}
