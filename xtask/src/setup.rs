//! What must be installed before a task can run.

use anyhow::Result;
use system_tests::packages::{self, Use};

use crate::say;

/// Installs the packages that are missing, and says so.
pub(crate) fn install_missing(purpose: Use) -> Result<()> {
    let missing = packages::missing(purpose);
    if !missing.is_empty() {
        say(&format!("installing what is missing: {}", missing.join(" ")));
        packages::install(&missing)?;
    }
    Ok(())
}
