//! The input: the files that `-i` names, or standard input.

use std::fs::File;
use std::io::IsTerminal;
use std::path::PathBuf;

use anyhow::Context;
use cli::is_standard;
use flow::{Interrupt, usage};
use streams::Sources;

const NAME: &str = "standard input";

/// Opens these files, and those of one disk in each folder among them; without any, standard input.
pub(crate) fn open(
    files: &[PathBuf],
    disk: Option<&str>,
    interrupt: &Interrupt,
) -> anyhow::Result<Sources> {
    let mut sources = Sources::default();
    for path in &foreign::expand(files, disk)? {
        match is_standard(path) {
            true => sources.take(NAME, standard_input()?),
            false => sources.open(path, interrupt)?,
        }
    }
    if sources.is_empty() {
        sources.take(NAME, standard_input()?);
    }
    Ok(sources)
}

fn standard_input() -> anyhow::Result<File> {
    let why = match cli::standard_input().context(NAME)? {
        None => ", which is closed",
        Some(file) if file.is_terminal() => "",
        Some(file) => return Ok(file),
    };
    Err(usage(format!(
        "a stream is expected on standard input{why}: redirect a file (lvpatch … < FILE), name one \
         (-i FILE), or pipe one (lvdiff … | lvpatch …)"
    )))
}
