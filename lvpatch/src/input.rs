//! The input: the files that `-i` names, or standard input.

use std::fs::File;
use std::io::IsTerminal;

use anyhow::Context;
use cli::is_standard;
use flow::{Interrupt, counted, time_text, usage};
use streams::{Points, Sources, Until, in_chain_order};

use crate::request::Reading;

const NAME: &str = "standard input";

/// Opens what is to be read: files, those of a disk in a folder among them, in the order in which they follow one
/// another; without any, standard input; or the streams that lead to a point in a folder.
pub(crate) fn open(
    reading: &mut Reading,
    is_quiet: bool,
    interrupt: &Interrupt,
) -> anyhow::Result<Sources> {
    let mut files = reading.files.clone();
    if let Some(folder) = &reading.from {
        let points = Points::in_folder(folder)?;
        if !points.is_empty() {
            let until = reading.until.take();
            return restore(&points, until.as_ref(), is_quiet, interrupt);
        }
        // Of virtnbdbackup's, or of nobody.
        files = vec![folder.clone()];
    }
    let mut sources = Sources::default();
    for path in &in_chain_order(foreign::expand(&files, reading.disk.as_deref())?) {
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

/// Opens the streams that lead to a point, and says which that is.
fn restore(
    points: &Points,
    until: Option<&Until>,
    is_quiet: bool,
    interrupt: &Interrupt,
) -> anyhow::Result<Sources> {
    for (name, why) in &points.unusable {
        log::warn!("{name} is left out: {why}");
    }
    let point = points.choose(until, interrupt)?;
    if !is_quiet {
        cli::note(format_args!(
            "lvpatch: restoring {}, made at {}, from {}",
            point.name,
            time_text(point.created),
            counted(point.streams as u64, "stream")
        ));
    }
    Ok(point.sources)
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
