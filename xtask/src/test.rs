//! `cargo xtask test`: every test there is.

use std::thread;

use anyhow::Result;
use system_tests::programs;

use crate::cargo::{Profile, build, cargo};
use crate::{fuzz, say, setup};

const SYSTEM_TESTS: &str = "system-tests";

/// Runs the tests that need no kernel, then those in guests. `filter` goes to both.
pub(crate) fn run(filter: Option<&str>) -> Result<()> {
    setup::install_missing()?;
    // Cargo builds no programs of other packages for a test: they come first.
    let programs = build(Profile::Dev)?;
    let programs = [(programs::DIR_VARIABLE, programs.as_path())];

    let mut plain = vec!["test", "--workspace", "--exclude", SYSTEM_TESTS];
    plain.extend(filter);
    cargo(&plain, &programs)?;

    // A guest is one process that waits much: two at once pay off even on one core.
    let threads = thread::available_parallelism().map_or(2, usize::from).max(2).to_string();
    let mut guests = vec!["test", "--package", SYSTEM_TESTS];
    guests.extend(filter);
    guests.extend(["--", "--test-threads", &threads]);
    cargo(&guests, &programs)?;

    if filter.is_none() {
        fuzz::run(&fuzz::Options::default())?;
    }

    say("all tests passed");
    Ok(())
}
