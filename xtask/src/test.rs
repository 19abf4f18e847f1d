//! `cargo xtask test`: every test there is, or those of them that take minutes.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use system_tests::packages::Use;
use system_tests::{QUICK, QUICK_VARIABLE, ROOT_VARIABLE, programs};

use crate::cargo::{Profile, build, cargo, root, target_dir};
use crate::{dist, fuzz, release, say, setup, torture};

const SYSTEM_TESTS: &str = "system-tests";

/// The tests in guests; the same in guests of another release.
const GUESTS: &str = "guests";
const RELEASE: &str = "release";

/// The same rounds each time: what fails here is of the change that is tested. Fresh seeds are for
/// `cargo xtask torture`.
const TORTURE: torture::Settings = torture::Settings {
    time: Duration::from_secs(180),
    seed: Some(1),
    round: None,
    lvsync: false,
    guests: None,
};

/// How much is tested.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All that needs no guest, and a few scenarios.
    Quick,
    /// What goes before every change.
    Usual,
    /// The guests of another release, and packages, too.
    Full,
}

/// Runs the tests that need no kernel, then those in guests, and some rounds of torture. `filter`
/// goes to the tests, and leaves the rest out.
pub(crate) fn run(filter: Option<&str>, extent: Extent) -> Result<()> {
    setup::install_missing(Use::Tests)?;
    let release = if extent == Extent::Full { Some(release::root()?) } else { None };
    // Cargo builds no programs of other packages for a test: they come first.
    let dir = build(Profile::Dev)?;
    let programs = [(programs::DIR_VARIABLE, dir.as_path())];

    let mut plain = vec!["test", "--workspace", "--exclude", SYSTEM_TESTS];
    plain.extend(filter);
    cargo(&plain, &programs)?;

    // A guest is one process that waits much: two at once pay off even on one core.
    let threads = thread::available_parallelism().map_or(2, usize::from).max(2).to_string();
    let in_guests = ["--test-threads", threads.as_str()];
    if extent == Extent::Quick {
        let files = on_files()?;
        let mut plain = vec!["test", "--package", SYSTEM_TESTS, "--lib", "--bins"];
        plain.extend(files.iter().flat_map(|name| ["--test", name]));
        plain.extend(filter);
        cargo(&plain, &[programs[0], (QUICK_VARIABLE, Path::new("1"))])?;

        let names = quick(filter);
        if !names.is_empty() {
            let guests = ["test", "--package", SYSTEM_TESTS, "--test", GUESTS, "--", "--exact"];
            cargo(&[&guests[..], &in_guests, &names].concat(), &programs)?;
        }
        say("the quick tests passed");
        return Ok(());
    }

    let mut guests = vec!["test", "--package", SYSTEM_TESTS];
    guests.extend(filter);
    guests.push("--");
    guests.extend(in_guests);
    cargo(&guests, &programs)?;

    if extent == Extent::Full && filter.is_none() {
        every_order()?;
    }
    if let Some(root) = &release {
        let mut guests = vec!["test", "--package", SYSTEM_TESTS, "--test", RELEASE];
        guests.extend(filter);
        guests.extend(["--", "--ignored"]);
        guests.extend(in_guests);
        cargo(&guests, &[programs[0], (ROOT_VARIABLE, root)])?;
    }

    if extent == Extent::Full && filter.is_none() {
        dist::run(true, true)?;
    }
    if filter.is_none() {
        torture::rounds(&TORTURE, &dir)?;
        fuzz::run(&fuzz::Options::OF_TESTS)?;
    }
    say("all tests passed");
    Ok(())
}

/// What has threads, in every order that shuttle can think of: a build of its own, in a folder of its own.
fn every_order() -> Result<()> {
    let target = target_dir()?.join("shuttle");
    let environment = [("RUSTFLAGS", Path::new("--cfg shuttle")), ("CARGO_TARGET_DIR", &target)];
    cargo(&["test", "--package", "blockio", "--lib", "checked"], &environment)
}

/// The tests of the package that need no guest, by their files. Cargo can only be told which ones to run,
/// and not which one to leave out.
fn on_files() -> Result<Vec<String>> {
    let dir = root().join("tests/tests");
    let mut names = Vec::new();
    for entry in fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.retain(|name| name != GUESTS && name != RELEASE);
    names.sort();
    Ok(names)
}

/// The few scenarios that stand for all, as far as the filter lets them through.
fn quick(filter: Option<&str>) -> Vec<&'static str> {
    let names = QUICK.iter().copied();
    names.filter(|name| filter.is_none_or(|filter| name.contains(filter))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_on_files_are_all_but_those_in_guests() {
        let names = on_files().unwrap();
        assert!(names.iter().any(|name| name == "offline"), "{names:?}");
        assert!(!names.iter().any(|name| name == GUESTS || name == RELEASE), "{names:?}");
    }

    #[test]
    fn the_quick_scenarios_are_few_and_can_be_chosen_from() {
        assert!((6..=8).contains(&quick(None).len()), "{QUICK:?}");
        assert_eq!(quick(Some("full_str")), ["full_stream"]);
        assert!(quick(Some("no such test")).is_empty());
    }
}
