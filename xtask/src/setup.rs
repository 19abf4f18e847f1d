//! What must be installed before a guest can run.

use anyhow::Result;
use system_tests::packages;

use crate::say;

/// Installs the packages that are missing, and says so.
pub(crate) fn install_missing() -> Result<()> {
    install(&packages::missing())
}

/// The same, for what makes the root of another release.
pub(crate) fn install_missing_for_releases() -> Result<()> {
    install(&packages::missing_for_releases())
}

fn install(missing: &[&str]) -> Result<()> {
    if !missing.is_empty() {
        say(&format!("installing what is missing: {}", missing.join(" ")));
        packages::install(missing)?;
    }
    Ok(())
}
