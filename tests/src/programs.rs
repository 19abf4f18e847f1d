//! Where cargo has put the programs under test.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The environment variable that names the folder of the programs; `cargo xtask test` sets it.
pub const DIR_VARIABLE: &str = "LVDIFF_BIN_DIR";

/// The programs that a package has.
pub const PROGRAMS: [&str; 2] = ["lvdiff", "lvpatch"];
/// The programs under test: lvsync is not complete, and in no package yet.
pub const TESTED: [&str; 3] = ["lvdiff", "lvpatch", "lvsync"];

/// The folder of the programs: the one that `LVDIFF_BIN_DIR` names, else `target/<profile>`, above
/// the test that runs.
///
/// # Errors
/// A program is not there.
pub fn dir() -> Result<PathBuf> {
    let dir = match env::var_os(DIR_VARIABLE) {
        Some(dir) => PathBuf::from(dir),
        None => profile_dir(&env::current_exe().context("cannot find the running test")?)?,
    };
    check(&dir)?;
    Ok(dir)
}

/// The library that user-mode Linux is started with.
///
/// # Errors
/// It is not there.
pub fn wide_registers() -> Result<PathBuf> {
    let current = env::current_exe().context("cannot find the running program")?;
    // A test is in `deps` itself, a program in the folder above.
    let dir = current.parent().context("a program is in a folder")?;
    let dir = if dir.ends_with("deps") { dir.to_path_buf() } else { dir.join("deps") };
    let library = dir.join("libwide_registers.so");
    ensure!(
        library.is_file(),
        "no {}: cargo builds it with the package system-tests",
        library.display()
    );
    Ok(library)
}

/// Checks that the programs are in a folder.
///
/// # Errors
/// A program is not there.
pub fn check(dir: &Path) -> Result<()> {
    for program in TESTED {
        ensure!(
            dir.join(program).is_file(),
            "{program} is not in {}: run `cargo xtask test`, which builds it first",
            dir.display()
        );
    }
    Ok(())
}

/// `target/<profile>` from `target/<profile>/deps/<test>`.
fn profile_dir(test: &Path) -> Result<PathBuf> {
    let dir = test.parent().and_then(Path::parent);
    Ok(dir.with_context(|| format!("{} is in no target folder", test.display()))?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_is_above_deps() -> Result<()> {
        let test = Path::new("/src/target/debug/deps/guests-0123");
        assert_eq!(profile_dir(test)?, Path::new("/src/target/debug"));
        Ok(())
    }

    #[test]
    fn an_empty_folder_names_the_command_to_run() {
        let error = check(Path::new("/does/not/exist")).expect_err("nothing is there");
        assert!(error.to_string().contains("cargo xtask test"));
    }
}
