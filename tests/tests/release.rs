//! Scenarios in a guest of another release of Debian than the host's, with its own kernel, LVM and
//! thin-provisioning-tools: what differs between releases shows here. They are the scripts in
//! `guest/scenarios` that say so. `cargo xtask test --full` makes the release's root, and runs them.

use system_tests::{host, packages, programs, release_guest, scenario_in};

#[expect(clippy::panic, reason = "a test fails by a panic")]
fn scenario(name: &str) {
    let run = || {
        packages::check()
            .and_then(|()| programs::dir())
            .and_then(|dir| release_guest(&dir))
            .and_then(|mut guest| scenario_in(&mut guest, name))
    };
    let result = host::undisturbed(name, Result::is_err, run);
    if let Err(error) = result {
        panic!("scenario {name}: {error:#}");
    }
}

include!(concat!(env!("OUT_DIR"), "/release.rs"));
