//! `cargo xtask demo`: the README's example in a guest.

use std::time::Duration;

use anyhow::{Context, Result};
use system_tests::host_guest;

use crate::cargo::{Profile, build};
use crate::guest::{own_script, run_script};
use crate::{say, setup};

/// Runs the example, live on standard output. It fails where a line fails, or the sums differ.
pub(crate) fn run() -> Result<()> {
    setup::install_missing()?;
    let programs = build(Profile::Release)?;
    say("booting a guest");
    let mut guest = host_guest(&programs)?.with_time_limit(Duration::from_secs(300));
    run_script(&mut guest, &own_script("demo.sh")).context("the demo failed")
}
