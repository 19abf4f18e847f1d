//! Scenarios in a guest of another release of Debian than the host's, with its own kernel, LVM and
//! thin-provisioning-tools: what differs between releases shows here. `cargo xtask test --full` makes the
//! release's root, and runs them.

use system_tests::{packages, programs, release_guest, scenario_in};

#[expect(clippy::panic, reason = "a test fails by a panic")]
fn scenario(name: &str) {
    let result = packages::check()
        .and_then(|()| programs::dir())
        .and_then(|dir| release_guest(&dir))
        .and_then(|mut guest| scenario_in(&mut guest, name));
    if let Err(error) = result {
        panic!("scenario {name}: {error:#}");
    }
}

#[test]
#[ignore = "cargo xtask test --full"]
fn kernel() {
    scenario("kernel");
}

#[test]
#[ignore = "cargo xtask test --full"]
fn example() {
    scenario("example");
}

#[test]
#[ignore = "cargo xtask test --full"]
fn names() {
    scenario("names");
}

#[test]
#[ignore = "cargo xtask test --full"]
fn discards() {
    scenario("discards");
}

#[test]
#[ignore = "cargo xtask test --full"]
fn resize() {
    scenario("resize");
}

#[test]
#[ignore = "cargo xtask test --full"]
fn inactive() {
    scenario("inactive");
}

#[test]
#[ignore = "cargo xtask test --full"]
fn live() {
    scenario("live");
}

#[test]
#[ignore = "cargo xtask test --full"]
fn offline() {
    scenario("offline");
}

#[test]
#[ignore = "cargo xtask test --full"]
fn other_formats() {
    scenario("other_formats");
}

#[test]
#[ignore = "cargo xtask test --full"]
fn held() {
    scenario("held");
}

#[test]
#[ignore = "cargo xtask test --full"]
fn kill() {
    scenario("kill");
}

#[test]
#[ignore = "cargo xtask test --full"]
fn iostats() {
    scenario("iostats");
}
