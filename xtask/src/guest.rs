//! `cargo xtask guest`: a shell, or a script, in a guest.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use system_tests::packages::Use;
use system_tests::{End, Guest, host_guest};

use crate::cargo::{Profile, build, root};
use crate::{release, say, setup};

/// Gives a shell in a guest, or runs a script in one.
pub(crate) fn run(
    script: Option<&Path>,
    profile: Profile,
    disks: Option<u64>,
    trixie: bool,
) -> Result<()> {
    setup::install_missing(Use::Tests)?;
    let mut guest = host_guest(&build(profile)?)?;
    if let Some(megabytes) = disks {
        guest = guest.with_disk(megabytes)?.with_disk(megabytes)?.with_memory(1024);
    }
    if trixie {
        guest = guest.with_root(&release::root()?)?;
    }
    match script {
        Some(script) => run_script(&mut guest.with_time_limit(Duration::MAX), script),
        None => guest.run_on_terminal(&own_script("shell.sh")),
    }
}

/// Runs a script in a guest, with its output on standard output.
pub(crate) fn run_script(guest: &mut Guest, script: &Path) -> Result<()> {
    let outcome = guest.boot(script)?.wait_copying(&mut io::stdout().lock())?;
    if outcome.end == End::Died {
        say(outcome.console.trim_end());
    }
    ensure!(outcome.end == End::Exit(0), "{}", outcome.end);
    Ok(())
}

/// A script of the project.
pub(crate) fn own_script(name: &str) -> PathBuf {
    root().join("tests/guest").join(name)
}
