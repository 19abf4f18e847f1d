//! Scenarios: the scripts in `guest/scenarios`, each a test.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{Guest, host, packages, programs};

/// The environment variable that names the root of another release.
pub const ROOT_VARIABLE: &str = "LVDIFF_GUEST_ROOT";

/// The scenarios, and so the tests, that `cargo xtask test --quick` runs: they say so in their headers.
pub const QUICK: &[&str] = include!(concat!(env!("OUT_DIR"), "/quick.rs"));

/// Runs a scenario in a guest of its own, with two disks of 2 GB. This is the body of a test.
///
/// # Panics
/// The scenario fails: with its log. A package or a program is missing: with the command to run.
pub fn scenario(name: &str) {
    run(name, |_| Ok(()));
}

/// Runs a part of a scenario, for example `1/2`: the script finds it in `/run/out/part`. This is the body
/// of a test.
///
/// # Panics
/// As [`scenario()`].
pub fn scenario_part(name: &str, part: &str) {
    run(name, |guest| Ok(std::fs::write(guest.out().join("part"), part)?));
}

/// Runs a scenario in a guest that is there.
///
/// # Errors
/// The scenario fails, or cannot be started.
pub fn scenario_in(guest: &mut Guest, name: &str) -> Result<()> {
    let outcome = guest.run(&scenario_path(name))?;
    outcome.success().with_context(|| format!("{name}.sh failed"))?;
    eprint!("{}", outcome.log); // shown by `cargo test -- --nocapture`
    Ok(())
}

/// Runs a scenario in a guest that is there, until it prints `text`, and cuts the guest's power then.
///
/// A guest's disk is a file of the host, and whatever the guest has handed to its disk is kept by the
/// host, flushed or not. So the cut loses what the guest's kernel held back: pages that were not
/// written, a journal and a pool's metadata that were not committed. What a disk's own cache loses is
/// not tried.
///
/// # Errors
/// The scenario ends before that: with its log.
pub fn scenario_cut_at(guest: &mut Guest, name: &str, text: &str) -> Result<()> {
    let mut running = guest.boot(&scenario_path(name))?;
    running.wait_for(text).with_context(|| format!("{name}.sh failed"))?;
    eprint!("{}", running.power_cut()?.log);
    Ok(())
}

/// The usual guest: two disks of 2 GB, the programs of a folder of the host on its PATH, and the project's
/// documents in `/run/docs`.
///
/// # Errors
/// The folder is not there, or the disks cannot be made.
pub fn host_guest(programs: &Path) -> Result<Guest> {
    let guest = Guest::new()?.with_disk(2048)?.with_disk(2048)?.with_share("bin", programs)?;
    guest.with_share("docs", &Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs"))
}

/// The usual guest with another root, which `LVDIFF_GUEST_ROOT` names; `cargo xtask test --full` makes one
/// and sets it.
///
/// # Errors
/// As [`host_guest`]; or the variable is not set, or names no root.
pub fn release_guest(programs: &Path) -> Result<Guest> {
    let root = std::env::var_os(ROOT_VARIABLE)
        .with_context(|| format!("{ROOT_VARIABLE} is not set: run `cargo xtask test --full`"))?;
    host_guest(programs)?.with_root(Path::new(&root))
}

/// Runs a scenario in a guest of its own, once that is prepared.
#[expect(clippy::panic, reason = "a test fails by a panic")]
fn run(name: &str, prepare: impl Fn(&Guest) -> Result<()>) {
    let result = host::undisturbed(name, Result::is_err, || {
        programs::dir().and_then(|dir| host_guest(&dir)).and_then(|mut guest| {
            packages::check()?;
            prepare(&guest)?;
            scenario_in(&mut guest, name)
        })
    });
    if let Err(error) = result {
        panic!("scenario {name}: {error:#}");
    }
}

/// The script of a scenario.
pub(crate) fn scenario_path(name: &str) -> PathBuf {
    own_file("scenarios").join(format!("{name}.sh"))
}

/// What is in the folder `guest`, beside this one.
pub(crate) fn own_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("guest").join(name)
}
