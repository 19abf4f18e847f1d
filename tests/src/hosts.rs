//! Two guests that reach each other with ssh: scenarios of a host a and a host b.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::cable::CableEnd;
use crate::outcome::Outcome;
use crate::scenario::{host_guest, own_file, scenario_path};
use crate::{Guest, host, packages, programs};

const LIMIT: Duration = Duration::from_secs(600);

/// Runs a scenario in guest a, while guest b serves it with ssh. This is the body of a test.
///
/// Both guests have two disks of 2 GB, and a cable between them. Guest b runs `guest/serve.sh`: it
/// has vg1 and an sshd, and says at the end whether something was left behind. The scenario calls
/// `join_network` of `guest/net.sh` first; then `ssh root@b COMMAND` works.
///
/// # Panics
/// The scenario or guest b fails: with both logs. A package or a program is missing: with the
/// command to run.
#[expect(clippy::panic, reason = "a test fails by a panic")]
pub fn scenario_of_two(name: &str) {
    let result =
        packages::check().and_then(|()| host::undisturbed(name, Result::is_err, || run(name)));
    if let Err(error) = result {
        panic!("scenario {name}: {error:#}");
    }
}

fn run(name: &str) -> Result<()> {
    let keys = Keys::new()?;
    let programs = programs::dir()?;
    let guest = |host: &str, end| -> Result<Guest> {
        let guest = host_guest(&programs)?.with_time_limit(LIMIT).with_host_name(host);
        Ok(guest.with_share("keys", keys.folder.path())?.with_cable(end))
    };
    let (end_a, end_b) = CableEnd::pair()?;
    let (mut a, mut b) = (guest("a", end_a)?, guest("b", end_b)?);
    let stop_b = b.out().join("stop");

    let running_b = b.boot(&own_file("serve.sh"))?;
    let of_a = a.run(&scenario_path(name))?;
    // Guest b looks for this file. A word over the network might not reach it.
    fs::write(stop_b, "")?;
    let of_b = running_b.wait()?;
    both(name, &of_a, &of_b)?;
    eprint!("{}", of_a.log); // shown by `cargo test -- --nocapture`
    Ok(())
}

/// An error with both logs, unless both guests succeeded.
fn both(name: &str, of_a: &Outcome, of_b: &Outcome) -> Result<()> {
    if of_a.success().is_err() || of_b.success().is_err() {
        bail!("{name}.sh failed\n======== guest a: {of_a}\n======== guest b: {of_b}");
    }
    Ok(())
}

/// The keys of guest b's sshd and of its one user, made for one test: `/run/keys` in both guests.
struct Keys {
    folder: TempDir,
}

impl Keys {
    fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("keys-").tempdir()?;
        for name in ["host", "user"] {
            make_key(&folder.path().join(name))?;
        }
        let host = fs::read_to_string(folder.path().join("host.pub"))?;
        fs::write(folder.path().join("known_hosts"), format!("b {host}"))?;
        Ok(Self { folder })
    }
}

fn make_key(path: &Path) -> Result<()> {
    let output = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"])
        .arg(path)
        .output()
        .context("cannot start ssh-keygen")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ssh-keygen made no key: {}", said.trim());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::End;

    #[test]
    fn either_guest_can_fail_a_test() {
        let outcome = |end, log: &str| Outcome { end, log: log.into(), console: String::new() };
        let (good, bad) = (outcome(End::Exit(0), "fine"), outcome(End::Died, "gone"));
        assert!(both("x", &good, &good).is_ok());
        for (a, b) in [(&good, &bad), (&bad, &good)] {
            let error = both("x", a, b).expect_err("one failed").to_string();
            assert!(error.contains("fine") && error.contains("gone"), "{error}");
        }
    }
}
