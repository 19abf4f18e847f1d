//! What must be installed before a guest can run.

use anyhow::Result;
use system_tests::packages;

use crate::say;

/// Installs the packages that are missing, and says so.
pub(crate) fn install_missing() -> Result<()> {
    let missing = packages::missing();
    if !missing.is_empty() {
        say(&format!("installing what is missing: {}", missing.join(" ")));
        packages::install(&missing)?;
    }
    Ok(())
}
