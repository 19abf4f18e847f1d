//! `cargo xtask man`: man pages and shell completions, from the programs' own arguments.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use clap::{Command, CommandFactory};
use clap_complete::Shell;

use crate::say;

#[path = "../../lvdiff/src/cli.rs"]
#[allow(dead_code, unreachable_pub, reason = "lvdiff's own file; only its Args is used here")]
mod lvdiff_cli;
#[path = "../../lvpatch/src/cli.rs"]
#[allow(dead_code, unreachable_pub, reason = "lvpatch's own file; only its Args is used here")]
mod lvpatch_cli;

const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Fish, Shell::Zsh];

/// Writes `<dir>/lvdiff.1`, `<dir>/lvpatch.1`, and a completion of each for bash, fish and zsh.
pub(crate) fn write(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    write_one(dir, "lvdiff", lvdiff_cli::Args::command())?;
    write_one(dir, "lvpatch", lvpatch_cli::Args::command())?;
    say(&format!("man pages and completions are in {}", dir.display()));
    Ok(())
}

fn write_one(dir: &Path, name: &str, mut command: Command) -> Result<()> {
    for shell in SHELLS {
        clap_complete::generate_to(shell, &mut command, name, dir)
            .with_context(|| format!("cannot write the {shell} completion of {name}"))?;
    }
    clap_mangen::generate_to(command, dir)
        .with_context(|| format!("cannot write the man page of {name}"))
}
