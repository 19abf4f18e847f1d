//! `cargo xtask demo`: the README's example in a guest.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use system_tests::host_guest;
use system_tests::packages::{self, Use};

use crate::cargo::{Profile, build};
use crate::guest::{own_script, run_script};
use crate::{say, setup};

/// Runs the example, live on standard output. It fails where a line fails, or the sums differ.
///
/// It is the first thing that somebody runs. So it installs no more than a guest needs, builds with xtask's own
/// profile, for which most is built already, and does both at once.
pub(crate) fn run() -> Result<()> {
    packages::check_installable(&packages::missing(Use::Guest))?;
    let programs = thread::scope(|scope| {
        let programs = scope.spawn(|| build(Profile::Dev));
        let installed = setup::install_missing(Use::Guest);
        let programs = programs.join().map_err(|_| anyhow!("building the programs panicked"))?;
        installed.and(programs)
    })?;
    say("booting a guest");
    let mut guest = host_guest(&programs)?.with_time_limit(Duration::from_secs(300));
    run_script(&mut guest, &own_script("demo.sh")).context("the demo failed")
}
