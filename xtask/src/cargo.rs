//! Calls of cargo, and where it puts what it builds.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use system_tests::programs;

use crate::say;

/// Which of cargo's profiles the programs are built with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Dev,
    Release,
}

/// The workspace's folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace")
}

/// Runs cargo in the workspace's folder.
pub(crate) fn cargo(arguments: &[&str], environment: &[(&str, &Path)]) -> Result<()> {
    say(&format!("cargo {}", arguments.join(" ")));
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(root())
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "cargo {} failed", arguments.join(" "));
    Ok(())
}

/// Builds lvdiff and lvpatch, and returns the folder where they are. What scenarios call beside
/// them comes with the development profile.
pub(crate) fn build(profile: Profile) -> Result<PathBuf> {
    let dir = target_dir()?.join(match profile {
        Profile::Dev => "debug",
        Profile::Release => "release",
    });
    let mut arguments = vec!["build"];
    arguments.extend(programs::TESTED.iter().flat_map(|program| ["--package", program]));
    arguments.extend(match profile {
        Profile::Dev => &["--package", "system-tests"][..],
        Profile::Release => &["--release"],
    });
    cargo(&arguments, &[])?;
    programs::check(&dir)?;
    Ok(dir)
}

/// cargo's target folder, wherever it was told to have it: xtask itself is in `<target>/debug`.
pub(crate) fn target_dir() -> Result<PathBuf> {
    let xtask = env::current_exe().context("cannot find xtask itself")?;
    let dir = xtask.ancestors().nth(2);
    Ok(dir.with_context(|| format!("{} is in no target folder", xtask.display()))?.into())
}
