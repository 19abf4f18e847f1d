//! `cargo xtask test`: every test there is.

use std::thread;
use std::time::Duration;

use anyhow::Result;
use system_tests::{ROOT_VARIABLE, programs};

use crate::cargo::{Profile, build, cargo};
use crate::{fuzz, release, say, setup, torture};

const SYSTEM_TESTS: &str = "system-tests";

/// The same rounds each time: what fails here is of the change that is tested. Fresh seeds are for
/// `cargo xtask torture`.
const TORTURE: torture::Settings =
    torture::Settings { time: Duration::from_secs(180), seed: Some(1), round: None, guests: None };

/// Runs the tests that need no kernel, then those in guests, and some rounds of torture. `filter`
/// goes to the tests, and leaves the rest out. With `full` come the guests of another release.
pub(crate) fn run(filter: Option<&str>, full: bool) -> Result<()> {
    setup::install_missing()?;
    let release = if full { Some(release::root()?) } else { None };
    // Cargo builds no programs of other packages for a test: they come first.
    let dir = build(Profile::Dev)?;
    let programs = [(programs::DIR_VARIABLE, dir.as_path())];

    let mut plain = vec!["test", "--workspace", "--exclude", SYSTEM_TESTS];
    plain.extend(filter);
    cargo(&plain, &programs)?;

    // A guest is one process that waits much: two at once pay off even on one core.
    let threads = thread::available_parallelism().map_or(2, usize::from).max(2).to_string();
    let mut guests = vec!["test", "--package", SYSTEM_TESTS];
    guests.extend(filter);
    guests.extend(["--", "--test-threads", &threads]);
    cargo(&guests, &programs)?;

    if let Some(root) = &release {
        let mut guests = vec!["test", "--package", SYSTEM_TESTS, "--test", "release"];
        guests.extend(filter);
        guests.extend(["--", "--ignored", "--test-threads", &threads]);
        cargo(&guests, &[programs[0], (ROOT_VARIABLE, root)])?;
    }

    if filter.is_none() {
        torture::rounds(&TORTURE, &dir)?;
        fuzz::run(&fuzz::Options::OF_TESTS)?;
    }
    say("all tests passed");
    Ok(())
}
