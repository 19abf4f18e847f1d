//! `cargo xtask damage`: the damaged metadata images, as files.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use system_tests::damage::flaws;

use crate::say;

/// Writes `NAME.img` for each flaw to a folder.
pub(crate) fn write(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    for flaw in flaws() {
        let path = dir.join(format!("{}.img", flaw.name));
        fs::write(&path, flaw.image()?.bytes).with_context(|| path.display().to_string())?;
    }
    say(&format!("{} images are in {}", flaws().count(), dir.display()));
    Ok(())
}
