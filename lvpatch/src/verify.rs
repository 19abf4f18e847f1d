//! [`each`]: files, verified one by one.

use std::io::Write;
use std::path::{Path, PathBuf};

use cli::Outcome;
use flow::{Session, counted, error_text, escaped};
use foreign::Missing;
use streams::{Chain, Points, Rules, Sources, Tally};

use crate::report::Read;
use crate::request::{Action, Reading};
use crate::summary::describe;

/// Reads each file to its end, and says whether it is sound; then what can be restored from those that are.
pub(crate) fn each(
    files: &[PathBuf],
    reading: Reading,
    is_quiet: bool,
    session: &Session<'_>,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    let files = foreign::expand(files, reading.disk.as_deref())?;
    let size = reading.size;
    let complete = |_: &foreign::Foreign| Ok(Missing { size, ..Missing::default() });
    let rules = reading.rules(&Action::Verify, &complete);
    let (mut sound, mut total, mut failure) = (Vec::new(), Tally::default(), None);
    let mut failed: usize = 0;
    for path in &files {
        let name = escaped(&path.display().to_string());
        match one(path, &rules, session) {
            Ok(tally) => {
                let end = if tally.is_open { " (its end cannot be verified)" } else { "" };
                tell(is_quiet, &format!("{name}: sound{end}: {}", describe(&tally.totals)))?;
                total.join(&tally);
                sound.push(path.clone());
            }
            Err(error) => {
                session.interrupt.check()?;
                tell(is_quiet, &escaped(&error_text(&error)))?;
                failed += 1;
                failure.get_or_insert(error);
            }
        }
    }
    outcome.done(&Read::from(&total))?;
    let (can, cannot) = Points::of_files(sound)?.restorable();
    if !can.is_empty() {
        tell(is_quiet, &format!("can be restored: {}", can.join(", ")))?;
    }
    if !cannot.is_empty() {
        let why = "the stream that it starts from is not among the sound ones";
        tell(is_quiet, &format!("cannot be restored, {why}: {}", cannot.join(", ")))?;
    }
    match failure {
        None => Ok(()),
        Some(error) => {
            let of = counted(files.len() as u64, "file");
            Err(error.context(format!("{failed} of {of} cannot be used")))
        }
    }
}

fn one(path: &Path, rules: &Rules<'_>, session: &Session<'_>) -> anyhow::Result<Tally> {
    let mut sources = Sources::default();
    sources.open(path, session.interrupt)?;
    streams::verify(Chain::new(sources, rules, session.interrupt))
}

fn tell(is_quiet: bool, line: &str) -> anyhow::Result<()> {
    if is_quiet { Ok(()) } else { cli::tell(|out| writeln!(out, "{line}")) }
}
