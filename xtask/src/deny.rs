//! `cargo xtask deny`: the dependencies against deny.toml.

use std::process::{Command, Stdio};

use anyhow::Result;

use crate::cargo::cargo;
use crate::say;

/// Runs cargo-deny, and installs it first where it is missing. Advisories are left out: they need
/// a database from the network, and what is known of ours stands in deny.toml.
pub(crate) fn run() -> Result<()> {
    if !is_there() {
        say("cargo-deny is missing: installing it, which takes a few minutes");
        cargo(&["install", "cargo-deny", "--locked"], &[])?;
    }
    cargo(&["deny", "--all-features", "check", "licenses", "bans", "sources"], &[])
}

fn is_there() -> bool {
    let mut command = Command::new("cargo-deny");
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
